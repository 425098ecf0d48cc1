import { makeGenerationId } from "../../../lib/answers/id.ts";
import { OURS, urlOf, withServers } from "../contenders.ts";
import { cut } from "../documents.ts";
import { median, printTable } from "../table.ts";
import { answerText, type Script } from "../upstream.ts";
import { measureWire } from "../wire.ts";

/** Tokens a second, and how long the answer is: five seconds of it, or so. */
const PACES = [{ rate: 50, size: 1024 }, { rate: 500, size: 10_240 }];
const SHORT = `${OURS}, short ids`;
const AI_SDK = "AI SDK, UI messages";
const PACED = [
  OURS,
  AI_SDK,
  "AI SDK, text",
  "TanStack AI",
  "TanStack AI, durable, batch: 1",
  "TanStack AI, durable",
];

/** Bytes of whole answers, and of the events of one that is written live. */
export async function printWire(): Promise<void> {
  await printAnswers();
  await printEvents();
}

async function printAnswers(): Promise<void> {
  const answers = await measureWire();
  const names = [...answers.keys()];
  const ways = Object.keys(answers.get(names[0]!)!);
  printTable(
    "Bytes of an answer on the wire, in tokens of four characters; and to the " +
      "raw JSON text",
    ["", ...names],
    ways.map((way) => [
      way,
      ...names.map((name) => {
        const sizes = answers.get(name)!;
        const bytes = sizes[way]!;
        const ratio = (bytes / sizes["raw JSON text"]!).toPrecision(2);
        return `${bytes.toLocaleString("en")} (${Number(ratio)})`;
      }),
    ]),
  );
}

/** What a response's body has. */
interface Body {
  /** Bytes for each token that the model wrote. */
  perToken: number;
  /** Of the event in the middle, if it has any. */
  event: number | undefined;
}

async function printEvents(): Promise<void> {
  const bodies = new Map<string, Body[]>();
  await withServers(PACED, 1, async ({ name, server }) => {
    for (const pace of PACES) {
      const script: Script = { kind: "article", ...pace };
      const url = await urlOf(name, server, script);
      const add = async (way: string, query = "") => {
        const known = bodies.get(way) ?? [];
        bodies.set(way, [...known, await measureBody(url + query, script)]);
      };
      await add(name);
      if (name !== OURS) continue;
      await add(SHORT, `&ids=short&id=${makeGenerationId()}`);
    }
  });
  const peer = bodies.get(AI_SDK)!;
  printTable(
    "Bytes of a response's body, in tokens of four characters: an event where " +
      `${
        PACES[0]!.rate
      } tokens come a second, and what a token takes of the whole`,
    [
      "",
      "an event",
      ...PACES.flatMap(({ rate }) => [`a token at ${rate}/s`, `to ${AI_SDK}`]),
    ],
    [...bodies].map(([name, measured]) => [
      name,
      String(measured[0]!.event ?? ""),
      ...measured.flatMap(({ perToken }, place) => [
        perToken.toFixed(1),
        String(Number((perToken / peer[place]!.perToken).toPrecision(2))),
      ]),
    ]),
  );
}

async function measureBody(url: string, script: Script): Promise<Body> {
  const response = await fetch(url);
  const body = new TextDecoder("latin1").decode(await response.bytes());
  const tokens = cut(answerText(script)).length;
  const events = body.split("\n\n").slice(0, -1);
  return {
    perToken: body.length / tokens,
    event: events.length === 0
      ? undefined
      : median(events.map((event) => event.length)) + "\n\n".length,
  };
}
