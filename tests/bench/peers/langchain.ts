import { JsonOutputParser } from "@langchain/core/output_parsers";
import { ChatOpenAI } from "@langchain/openai";
import type { Peer } from "../peers.ts";

const headers = { "content-type": "text/event-stream" };
const encoder = new TextEncoder();

/** The peers before a provider. */
export function langchain(baseURL: string): Record<string, Peer> {
  const model = new ChatOpenAI({
    model: "scripted",
    apiKey: "none",
    configuration: { baseURL },
    streamUsage: false,
  });
  const chain = model.pipe(new JsonOutputParser({ diff: true }));
  return {
    /** js.langchain.com, "How to stream": a chain's `stream` of patches. */
    "LangChain.js": async ({ prompt }) => {
      const patches = (await chain.stream(prompt))[Symbol.asyncIterator]();
      const events = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await patches.next();
          if (done) return controller.close();
          const event = `data: ${JSON.stringify(value)}\n\n`;
          controller.enqueue(encoder.encode(event));
        },
        async cancel() {
          await patches.return?.();
        },
      });
      return new Response(events, { headers });
    },
  };
}
