/**
 * What this server and its peers do when a reader leaves, comes back, comes
 * late and presses stop: `deno task bench:readers`.
 *
 * Each contender is a server of its own, in a process of its own, before a
 * provider that this script drives. It tells what happens and takes no times:
 * whether the provider's request was ended, how many requests there were, and
 * whether the readers got the whole answer.
 */

import { createParser } from "eventsource-parser";
import { RawConnection } from "../_client.ts";
import { Upstream, type UpstreamCall } from "../_upstream.ts";
import { type Contender, CONTENDERS, type Sent } from "./reader_peers.ts";

/** What is written before anything happens; more than any server collects. */
const BEGINNING = ['{"text":"', ...words(0, 64)];
/** What is written while the reader is away. */
const MEANWHILE = words(64, 72);
/** What is written then; longer than any server waits for readers. */
const REST = [...words(72, 172), '"}'];
const ANSWER = [...BEGINNING, ...MEANWHILE, ...REST].join("");
/** Between two tokens, in milliseconds. */
const PACE = 250;

function words(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `w${from + index} `);
}

/** A page: sends a request, and reads what comes. */
class Reader {
  /** Of the answer, so far. */
  text = "";
  lastEventId = "";
  /** When there is something of the answer, or no more comes. */
  readonly begun: Promise<void>;
  /** When no more comes, for whatever reason. */
  readonly finished: Promise<void>;
  readonly #textIn: Contender["textIn"];
  // `fetch` does not always hang up at once when it is aborted.
  readonly #connection: RawConnection;
  readonly #begin: () => void;

  static async open(
    { textIn }: Contender,
    url: string,
    { path, ...request }: Sent,
  ): Promise<Reader> {
    return new Reader(textIn, await RawConnection.open(url + path, request));
  }

  private constructor(
    textIn: Contender["textIn"],
    connection: RawConnection,
  ) {
    this.#textIn = textIn;
    this.#connection = connection;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.begun = promise;
    this.#begin = resolve;
    // A socket that is closed here, or there, has no more.
    this.finished = this.#read().catch(() => {}).finally(resolve);
  }

  /** Hangs up. */
  leave(): void {
    try {
      this.#connection.close();
    } catch {
      // It has left.
    }
  }

  async #read(): Promise<void> {
    const events = createParser({
      onEvent: ({ id, data }) => {
        if (id !== undefined) this.lastEventId = id;
        if (data.startsWith("{")) this.#add(this.#textIn!(JSON.parse(data)));
      },
    });
    let read = 0;
    while (await this.#connection.read()) {
      const { bytes, complete } = this.#connection.body;
      // All of it is ASCII.
      const text = new TextDecoder().decode(bytes.subarray(read));
      read = bytes.length;
      if (this.#textIn === undefined) this.#add(text);
      else events.feed(text);
      if (complete) break;
    }
  }

  #add(piece = ""): void {
    this.text += piece;
    if (this.text !== "") this.#begin();
  }
}

/** A contender, its provider, and a reader who has read the beginning. */
class Scene implements AsyncDisposable {
  readonly upstream: Upstream;
  readonly id: string;
  readonly contender: Contender;
  readonly url: string;
  readonly call: UpstreamCall;
  readonly reader: Reader;
  readonly #server: AsyncDisposable;
  readonly #readers: Reader[];

  static async open(contender: Contender): Promise<Scene> {
    const upstream = new Upstream();
    const server = await contender.start(upstream.url);
    const id = generationId();
    const ask = contender.ask(id);
    const reader = await Reader.open(contender, server.url, ask);
    const call = await upstream.nextCall();
    for (const text of BEGINNING) call.say(text);
    await reader.begun;
    return new Scene(contender, upstream, server, id, call, reader);
  }

  private constructor(
    contender: Contender,
    upstream: Upstream,
    server: AsyncDisposable & { url: string },
    id: string,
    call: UpstreamCall,
    reader: Reader,
  ) {
    this.contender = contender;
    this.upstream = upstream;
    this.#server = server;
    this.url = server.url;
    this.id = id;
    this.call = call;
    this.reader = reader;
    this.#readers = [reader];
  }

  /** Lets one more reader come, or an old one come back. */
  async read(sent: Sent): Promise<Reader> {
    const reader = await Reader.open(this.contender, this.url, sent);
    this.#readers.push(reader);
    return reader;
  }

  /** Whether a text is the whole answer, each character once. */
  isWhole(text: string): boolean {
    return text === (this.contender.whole?.(ANSWER) ?? ANSWER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers) reader.leave();
    await this.upstream[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** 128 random bits in base64url (docs/protocol.md). */
function generationId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** Writes on at the provider's pace; returns how much was written until the end. */
async function write(call: UpstreamCall, texts: string[]): Promise<number> {
  for (const [index, text] of texts.entries()) {
    await Promise.race([
      call.closed,
      new Promise((resolve) => setTimeout(resolve, PACE)),
    ]);
    if (!call.open) return index;
    call.say(text);
  }
  return texts.length;
}

/** Writes on to the end, and tells whether the server let it. */
async function outcome(call: UpstreamCall): Promise<string> {
  const written = await write(call, REST);
  if (written === 0) return "stops at once";
  if (written < REST.length) return `stops, ${written} tokens later`;
  call.end();
  return "runs to its end";
}

/** Answers at once whoever asks again. */
async function answerAgain(upstream: Upstream): Promise<void> {
  const call = await upstream.nextCall();
  call.say(ANSWER);
  call.end();
}

async function leave(contender: Contender): Promise<string> {
  await using scene = await Scene.open(contender);
  scene.reader.leave();
  return await outcome(scene.call);
}

async function comeBack(contender: Contender): Promise<string> {
  await using scene = await Scene.open(contender);
  const { id, reader, call, upstream } = scene;
  reader.leave();
  await reader.finished;
  const { text, lastEventId } = reader;
  await write(call, MEANWHILE);
  answerAgain(upstream);
  const sent = contender.comeBack?.({ id, lastEventId }) ?? contender.ask(id);
  const back = await scene.read(sent);
  await back.begun;
  await finish(call);
  await back.finished;
  if (upstream.calls.length > 1) return "asks the model again";
  const whole = contender.replays ? back.text : text + back.text;
  return scene.isWhole(whole) ? "gets the rest" : "does not get the rest";
}

async function comeLate(contender: Contender): Promise<string> {
  await using scene = await Scene.open(contender);
  const { id, call, upstream } = scene;
  await write(call, MEANWHILE);
  answerAgain(upstream);
  const sent = contender.comeLate?.(id) ?? contender.ask(id);
  const late = await scene.read(sent);
  await late.begun;
  await finish(call);
  await late.finished;
  if (upstream.calls.length > 1) return "asks the model again";
  return scene.isWhole(late.text) ? "sees it all" : "does not see it all";
}

async function stop(contender: Contender): Promise<string> {
  await using scene = await Scene.open(contender);
  const sent = contender.stop?.(scene.id);
  if (sent !== undefined) await (await scene.read(sent)).finished;
  scene.reader.leave();
  return await outcome(scene.call);
}

/** Writes the rest at once. */
function finish(call: UpstreamCall): Promise<void> {
  if (call.open) {
    for (const text of REST) call.say(text);
    call.end();
  }
  return call.closed;
}

/** What a contender does, as a row of the table. */
async function measure(contender: Contender): Promise<string[]> {
  return [
    contender.name,
    await leave(contender),
    await comeBack(contender),
    await comeLate(contender),
    await stop(contender),
  ];
}

/** The same in a process of its own, which nobody else makes collect garbage. */
async function measureAlone({ name }: Contender): Promise<string[]> {
  const config = new URL("deno.json", import.meta.url).pathname;
  const script = new URL(import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", `--config=${config}`, script, name],
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

const contender = CONTENDERS.find(({ name }) => name === Deno.args[0]);
if (contender === undefined) {
  const rows = await Promise.all(CONTENDERS.map(measureAlone));
  const head = ["", "leaves", "comes back", "comes late", "presses stop"];
  for (const row of [head, head.map(() => "---"), ...rows]) {
    console.log(`| ${row.join(" | ")} |`);
  }
} else {
  // Otherwise the AI SDK writes warnings beside the row.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  console.log(JSON.stringify(await measure(contender)));
  Deno.exit();
}
