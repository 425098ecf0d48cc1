import { z } from "zod";
import type { Script } from "../upstream.ts";

/** A row of `rows()`, in documents.ts. */
export const row = z.object({
  id: z.number(),
  name: z.string(),
  note: z.string(),
  done: z.boolean(),
});

const schemas = {
  article: z.object({ title: z.string(), text: z.string() }),
  rows: z.object({ elements: z.array(row) }),
  clock: z.object({ text: z.string() }),
};

/** The schema of the answer that a prompt asks for. */
export function schemaOf(prompt: string): z.ZodType {
  const { kind } = JSON.parse(prompt) as Script;
  if (kind === "report") throw new Error("Cannot ask: a report has no schema");
  return schemas[kind];
}
