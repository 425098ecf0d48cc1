// What providers really send, after public reports, replayed through a socket
// to the program as it is started, and what the person at the other end wants.

import { assert, assertEquals, assertMatch } from "@std/assert";
import cases from "../conformance/provider_cases.json" with { type: "json" };
import { ServerProcess } from "../_process.ts";
import { readEvents, stateAfter } from "../_server.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";

/** A piece of a provider's stream, or what it does next. */
type Frame =
  /** Written as it is. */
  | string
  /** Chunks whose delta is a piece of content. */
  | { say: string[] }
  /** A chunk with this delta; `end` where its event ends in something else. */
  | { delta: unknown; finish?: string; end?: string }
  /** Any other event. */
  | { send: unknown }
  | { b64: string }
  | { repeat: Frame[]; times: number }
  /** Milliseconds in which nothing is sent. */
  | { wait: number }
  /** Whether the connection breaks. */
  | { kill: true }
  /** Whether nothing more is sent, and nobody hangs up. */
  | { hang: true };

interface Case {
  name: string;
  note: string;
  /** Settings of the server. */
  env?: { LIMITS?: Record<string, number>; RESPONSE_FORMAT?: string };
  request?: { schema?: unknown };
  status?: number;
  headers?: Record<string, string>;
  /** A body that is whole, in place of the frames. */
  body?: string;
  frames?: Frame[];
  expect: {
    /** `end`, or the code; one of these. */
    outcome?: string | string[];
    state?: unknown;
    reasoning?: string;
    usage?: unknown;
    retryable?: boolean;
    /** How often the provider is asked. */
    requests?: number;
    /** What the log's line holds. */
    log?: string;
    /** Whether the answer ends while the provider is still at it. */
    maxMs?: number;
  };
}

/** Writes the frames; stops when nobody listens any more. */
async function play(frames: Frame[], call: UpstreamCall): Promise<void> {
  const send = (delta: unknown, finish: string | null = null, end = "\n\n") => {
    const choices = [{ index: 0, delta, finish_reason: finish }];
    const chunk = { ...head, choices };
    call.write(`data: ${JSON.stringify(chunk)}${end}`);
  };
  for (const frame of frames) {
    if (!call.open) return;
    if (typeof frame === "string") call.write(frame);
    else if ("say" in frame) frame.say.forEach((content) => send({ content }));
    else if ("delta" in frame) send(frame.delta, frame.finish, frame.end);
    else if ("send" in frame) call.send(frame.send);
    else if ("b64" in frame) {
      call.write(Uint8Array.from(atob(frame.b64), (c) => c.charCodeAt(0)));
    } else if ("repeat" in frame) {
      for (let time = 0; time < frame.times; time++) {
        await play(frame.repeat, call);
      }
    } else if ("wait" in frame) await pause(frame.wait, call.closed);
    else if ("kill" in frame) return call.kill();
    else await call.closed;
  }
}

const head = {
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "stub",
};

/** A provider's own pause; it ends early if nobody listens any more. */
async function pause(duration: number, closed: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, duration);
  await Promise.race([promise, closed]);
  clearTimeout(timer);
}

/** What a client and the log get of a case. */
async function outcomeOf(
  { name, frames = [], status, headers, body, request, env }: Case,
): Promise<{
  end: Record<string, unknown>;
  state: unknown;
  reasoning: string;
  requests: number;
  log: string;
  /** Whether the provider had come to the end of its script. */
  played: boolean;
}> {
  let played = false;
  await using upstream = new Upstream(async (call) => {
    if (body !== undefined) {
      const type = { "content-type": "text/event-stream" };
      const init = { status: status ?? 200, headers: headers ?? type };
      return call.respond(new Response(body, init));
    }
    await play(frames, call);
    if (!call.open) return;
    played = true;
    call.close();
  });
  await using server = await ServerProcess.start({
    OPENAI_MODEL: "stub",
    OPENAI_BASE_URL: upstream.url,
    RESPONSE_FORMAT: env?.RESPONSE_FORMAT ?? "",
    LIMITS: JSON.stringify(env?.LIMITS ?? {}),
  });
  const response = await fetch(`${server.url}/helloworld`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...request, prompt: name }),
  });
  assertEquals(response.status, 200);
  const events = await Array.fromAsync(readEvents(response));
  const hadPlayed = played;
  const id = events[0]!.data.id;
  await server.awaitOutput(`generation ${id}`);
  const { data: end } = events.at(-1)!;
  return {
    end,
    state: stateAfter(events),
    reasoning: events.filter(({ data }) => data.status === "reasoning")
      .map(({ data }) => data.data).join(""),
    requests: upstream.calls.length,
    log: server.output.slice(server.output.indexOf(`generation ${id}`)),
    played: hadPlayed,
  };
}

for (const one of cases as Case[]) {
  const { name, note, expect } = one;
  Deno.test(`provider case ${name}: ${note}`, async () => {
    const { end, state, reasoning, requests, log, played } = await outcomeOf(
      one,
    );
    const outcome = end.code ?? end.status;
    const wanted = [expect.outcome ?? outcome].flat();
    assert(wanted.includes(outcome as string), `${outcome} ${log}`);
    if (outcome === "end") assertEquals(state, expect.state);
    if (expect.reasoning) assertEquals(reasoning, expect.reasoning);
    if (expect.usage) assertEquals(end.usage, expect.usage);
    if (expect.retryable !== undefined) {
      assertEquals(end.retryable, expect.retryable);
    }
    if (expect.requests) assertEquals(requests, expect.requests);
    if (expect.log) assertMatch(log, new RegExp(expect.log));
    if (expect.maxMs) assert(!played, "It was heard to its end");
  });
}
