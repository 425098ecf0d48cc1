import { assert, assertEquals } from "@std/assert";
import type { ModelCall } from "../_server.ts";
import { browserTest, showInFramesOnly } from "./browser.ts";

const answer = {
  items: Array.from({ length: 60 }, (_, index) => ({ t: `item ${index}` })),
};
const text = JSON.stringify(answer);

/** A server before another one, with addresses that have moved. */
function startMoved(target: string, statuses: number[]) {
  const front = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const [, status] = /^\/moved\/(\d+)$/.exec(pathname) ?? [];
      if (status !== undefined && statuses.includes(Number(status))) {
        await request.body?.cancel();
        const headers = { Location: `/helloworld${search}` };
        return new Response(null, { status: Number(status), headers });
      }
      return await fetch(`${target}${pathname}${search}`, {
        method: request.method,
        headers: request.headers,
        body: request.body,
      });
    },
  );
  return {
    url: `http://127.0.0.1:${front.addr.port}`,
    [Symbol.asyncDispose]: () => front.shutdown(),
  };
}

browserTest(
  "is where a redirect tells nothing, and yet no question is lost",
  async (stage) => {
    const { page, server, model, open } = stage;
    const statuses = [301, 302, 303, 307, 308];
    await using front = startMoved(server.url, statuses);
    await open(front.url);
    const outcomes = await page.evaluate(`(async () => {
    const { streamFields } = await import("/client.js");
    const outcomes = [];
    for (const status of ${JSON.stringify(statuses)}) {
      const { status: outcome, state, error } = await streamFields(
        "/moved/" + status,
        { prompt: "asked " + status },
      ).finished;
      outcomes.push([outcome, state?.items.length, error?.code]);
    }
    return outcomes;
  })()`);
    assertEquals(outcomes, statuses.map(() => ["end", 60, null]));
    assertEquals(
      model.calls.map(({ question }) => question.prompt),
      statuses.map((status) => `asked ${status}`),
    );
  },
  {
    script: (call: ModelCall) => {
      call.say(text);
      call.end();
    },
  },
);

browserTest(
  "shows a state a frame, and tells each place of its own changes only",
  async (stage) => {
    const { page, model } = stage;
    await showInFramesOnly(stage);
    const called = model.nextCall();
    const result = page.evaluate(`(async () => {
    const { streamFields } = await import("/client.js");
    let frame = 0;
    const count = () => { frame++; requestAnimationFrame(count); };
    requestAnimationFrame(count);
    const shown = [];
    let deltas = 0;
    const changes = Array(60).fill(0);
    const early = [];
    const stream = streamFields("/helloworld", {
      prompt: "p",
      onDelta: () => deltas++,
      onState: () => shown.push(frame),
    });
    for (let index = 0; index < 60; index++) {
      const pointer = "/items/" + index;
      stream.subscribe(pointer, () => {
        changes[index]++;
        if (index > 0 && !stream.isComplete("/items/" + (index - 1))) {
          early.push(index);
        }
      });
    }
    let elements = 0;
    stream.onElement("/items", () => elements++);
    const { state } = await stream.finished;
    return { deltas, shown, changes, early, elements, state };
  })()`);
    const call = await called;
    for (let at = 0; at < text.length; at += 2) {
      call.say(text.slice(at, at + 2));
      if (at % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    call.end();
    const { deltas, shown, changes, early, elements, state } = await result as
      & Record<string, number[]>
      & {
        deltas: number;
        elements: number;
        state: unknown;
      };
    assertEquals(state, answer);
    assertEquals(elements, 60);
    assertEquals(early, []);
    assert(changes!.every((count) => count >= 1), String(changes));
    // The last is shown at the end, whatever the frame.
    const frames = shown!.slice(0, -1);
    assert(frames.length < deltas, `${frames.length} of ${deltas}`);
    assertEquals(new Set(frames).size, frames.length, String(shown));
  },
);
