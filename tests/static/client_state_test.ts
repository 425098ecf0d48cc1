import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { noteChanges, shareCopy } from "../../static/apply_delta.js";
import {
  type FieldStream,
  streamFields,
  type StreamOptions,
} from "../../static/client.js";
import { applyDelta, type Delta } from "../../lib/mod.ts";
import { sizes, texts } from "../_documents.ts";
import { ScriptedModel, startServer, turn, until } from "../_server.ts";
import { cut, parse, process } from "../_stream.ts";

const url = "http://fieldstream.test/helloworld";
const id = "abcdefghijklmnopqrstuv";

/** A value that cannot be changed any more. */
function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

/** Checks that a state shares with the one before it all that is equal. */
function checkShared(before: unknown, after: unknown): boolean {
  if (typeof before !== "object" || typeof after !== "object") {
    return before === after;
  }
  if (before === null || after === null) return before === after;
  const keys = Object.keys(after);
  const equal = keys.map((key) =>
    Object.hasOwn(before, key) && checkShared(
      (before as Record<string, unknown>)[key],
      (after as Record<string, unknown>)[key],
    )
  );
  const isEqual = equal.every((is) => is) &&
    Array.isArray(before) === Array.isArray(after) &&
    Object.keys(before).length === keys.length;
  assertEquals(before === after, isEqual);
  return isEqual;
}

Deno.test("a copy shares what has not changed, and nothing with the state", () => {
  fc.assert(fc.property(
    texts(),
    sizes,
    fc.infiniteStream(fc.nat(4)),
    (text, sizes, frames) => {
      let state: unknown;
      let shown: unknown;
      let changes: ReturnType<typeof noteChanges> = new Map();
      const show = (deltas: Delta[]) => {
        const before = structuredClone(shown);
        const after = shareCopy(shown, state, changes);
        // Whoever keeps the one before sees no change in it.
        assertEquals(shown, before);
        assertEquals(after, state);
        // A reset may write the same again.
        if (!deltas.some(({ reset }) => reset)) checkShared(shown, after);
        shown = freeze(after);
        changes = new Map();
      };
      let frame: Delta[] = [];
      for (const delta of process(parse(cut(text, sizes)))) {
        state = applyDelta(state, delta);
        changes = noteChanges(changes, delta);
        frame.push(delta);
        if (frames.next().value > 0) continue;
        show(frame);
        frame = [];
      }
      show(frame);
    },
  ));
});

Deno.test("a copy is new up to the root only where something is", () => {
  const steps: [delta: Delta, changed: string[]][] = [
    [{ data: { a: { b: ["x", {}] }, c: [], d: "" } }, []],
    [{ data: { a: { b: { 0: "y" } } } }, ["", "/a", "/a/b"]],
    [{ data: {}, complete: ["/a"] }, []],
    [{ data: { c: [], d: "" } }, []],
    [{ data: { c: { 0: "" } } }, ["", "/c"]],
    [{ reset: ["/a/b"], data: { a: { b: [] } } }, ["", "/a", "/a/b"]],
    [{ reset: ["/d"] }, [""]],
    [{ reset: ["/none/x", "/none"] }, []],
  ];
  let state: unknown;
  let shown: unknown;
  for (const [delta, changed] of steps) {
    const before = shown;
    state = applyDelta(state, delta);
    shown = shareCopy(before, state, noteChanges(new Map(), delta));
    assertEquals(shown, state);
    if (before === undefined) continue;
    for (const pointer of ["", "/a", "/a/b", "/a/b/1", "/c"]) {
      const [one, two] = [before, shown].map((value) =>
        pointer.split("/").slice(1)
          // deno-lint-ignore no-explicit-any
          .reduce((value: any, key) => value?.[key], value)
      );
      if (two === undefined) continue;
      assertEquals(
        one !== two,
        changed.includes(pointer),
        `${pointer} after ${JSON.stringify(delta)}`,
      );
    }
  }
});

Deno.test("a copy costs what has changed, not what is there", () => {
  let reads = 0;
  const counted = new Proxy<Record<string, unknown>>({}, {
    ownKeys(target) {
      reads++;
      return Reflect.ownKeys(target);
    },
    get(target, key) {
      reads++;
      return Reflect.get(target, key);
    },
  });
  const state = { rows: { big: counted, small: { a: "x" } } };
  const before = { rows: { big: counted, small: { a: "" } } };
  const changes = noteChanges(new Map(), {
    data: { rows: { small: { a: "x" } } },
  });
  const after = shareCopy(before, state, changes) as typeof state;
  assertEquals(after.rows.small, { a: "x" });
  assertStrictEquals(after.rows.big, counted);
  assertEquals(reads, 0);
});

Deno.test("client hands over states that never change, each with its last event id", async () => {
  const kept: [state: unknown, text: string, lastEventId: string][] = [];
  const field = follow(
    [
      event("0", { status: "start", id }),
      event("1", { status: "reasoning", data: "h" }),
      event("3", { status: "chunk", data: { a: { b: "x" }, c: [] } }),
      event("4", { status: "chunk", data: { c: { 0: "y" } } }),
      event("5", { status: "chunk", data: {}, complete: ["/c"] }),
      event("end", { status: "end" }),
    ],
    {
      onState(state, lastEventId) {
        kept.push([freeze(state), JSON.stringify(state), lastEventId]);
        assertStrictEquals(field.state, state);
        assertEquals(field.lastEventId, lastEventId);
      },
    },
  );
  const { state } = await field.finished;
  assertEquals(kept.map(([, text, last]) => [text, last.split(".")[1]]), [
    ['{"a":{"b":"x"},"c":[]}', "3"],
    ['{"a":{"b":"x"},"c":["y"]}', "4"],
  ]);
  for (const [state, text] of kept) assertEquals(JSON.stringify(state), text);
  // deno-lint-ignore no-explicit-any
  const [[one], [two]] = kept as any;
  assertStrictEquals(one.a, two.a);
  assertStrictEquals(state, two);
  assertEquals(field.lastEventId, `${id}.end`);
  assertEquals(field.reasoning, "h");
});

Deno.test("client changes no state that it was given", async () => {
  const given = freeze({ a: { b: "x" }, c: ["y"] });
  const field = follow(
    [event("9", { status: "chunk", data: { c: { 0: "z" } } }), end],
    { lastEventId: `${id}.6`, state: given },
  );
  assertStrictEquals(field.state, given);
  const { state } = await field.finished;
  assertEquals(given.c, ["y"]);
  assertEquals(state, { a: { b: "x" }, c: ["yz"] });
  assertStrictEquals(state.a, given.a);
});

Deno.test("client makes one state a frame, and one before the end", async () => {
  for (const seen of [true, false]) {
    await withFrames(seen, async (frames) => {
      const told: unknown[] = [];
      let send!: (...events: string[]) => Promise<void>;
      const field = live((sender) => send = sender, {
        onState: (state, last) => told.push([state.a, last.split(".")[1]]),
        onDelta: ({ data }) => told.push(data),
        onComplete: (pointers) => told.push(pointers),
        onEnd: () => told.push("end"),
      });
      await until(() => send !== undefined);
      await send(event("0", { status: "start", id }));
      assertEquals(field.lastEventId, "");
      await frames();
      assertEquals(field.lastEventId, `${id}.0`);
      const chunk = (offset: string, a: string, complete?: string[]) =>
        event(offset, { status: "chunk", data: { a }, complete });
      await send(chunk("1", "x"), chunk("2", "y"));
      assertEquals(told.splice(0), [{ a: "x" }, { a: "y" }]);
      // Both are of the frame before.
      assertEquals([field.state, field.lastEventId], [undefined, `${id}.0`]);
      await frames();
      assertEquals(told.splice(0), [["xy", "2"]]);
      assertEquals(field.state, { a: "xy" });
      await frames();
      await send(event("3", { status: "reasoning", data: "h" }));
      assertEquals(field.lastEventId, `${id}.3`);
      assertEquals(told, []);
      await send(chunk("4", "z", ["/a"]));
      assertEquals(field.isComplete("/a"), false);
      await frames();
      assertEquals(told.splice(0), [{ a: "z" }, ["xyz", "4"], ["/a"]]);
      assertEquals(field.isComplete("/a"), true);
      await send(
        event("5", { status: "chunk", data: {}, complete: [""] }),
        end,
      );
      await field.finished;
      assertEquals(told, [{}, [""], "end"]);
    });
  }
});

Deno.test("client leaves no timer behind", async () => {
  const events = [event("1", { status: "chunk", data: { a: "x" } }), end];
  const states: unknown[] = [];
  const { state } = await follow(events, {
    pace: "frame",
    onState: (state) => states.push(state),
  }).finished;
  assertEquals([state, ...states], [{ a: "x" }, { a: "x" }]);
});

Deno.test("client shows the last state before it is closed", async () => {
  await withFrames(true, async () => {
    let send!: (...events: string[]) => Promise<void>;
    const field = live((sender) => send = sender);
    await until(() => send !== undefined);
    await send(event("7", { status: "chunk", data: { a: "x" } }));
    assertEquals(field.state, undefined);
    field.close();
    const { status, state } = await field.finished;
    assertEquals([status, state], ["closed", { a: "x" }]);
    assertEquals(field.lastEventId, `${id}.7`);
  });
});

Deno.test("client tells subscribers of changes in their place, and of no others", async () => {
  const told: Record<string, unknown[]> = {};
  const leavers: (() => void)[] = [];
  const field = follow([
    event("1", { status: "chunk", data: { items: [] } }),
    event("2", { status: "chunk", data: { items: { 0: { t: "a" } } } }),
    event("3", { status: "chunk", data: { items: { 0: { t: "b" } } } }),
    event("4", { status: "chunk", data: { items: { 1: { t: "c" } } } }),
    event("5", { status: "chunk", data: { "x/y": { "~": 1 } } }),
    event("6", { status: "chunk", data: {}, complete: ["/items"] }),
    event("7", {
      status: "chunk",
      reset: ["/items"],
      data: { items: [{ t: "ab" }] },
    }),
    end,
  ]);
  for (
    const pointer of [
      "",
      "/items",
      "/items/0",
      "/items/0/t",
      "/items/1/t",
      "/items/length",
      "/x~1y/~0",
      "/none",
    ]
  ) {
    told[pointer] = [];
    field.subscribe(pointer, (value) => told[pointer]!.push(value));
    const leave = field.subscribe(pointer, () => {
      told[`${pointer} once`] = [...told[`${pointer} once`] ?? [], 1];
      leave();
    });
    leavers.push(field.subscribe(pointer, () => told.never = []));
  }
  leavers.forEach((leave) => leave());
  await field.finished;
  assertEquals(told[""]!.length, 6);
  assertEquals(told["/items"]!.map((value) => JSON.stringify(value)), [
    "[]",
    '[{"t":"a"}]',
    '[{"t":"ab"}]',
    '[{"t":"ab"},{"t":"c"}]',
    '[{"t":"ab"}]',
  ]);
  assertEquals(told["/items/0"]!.slice(0, 2), [{ t: "a" }, { t: "ab" }]);
  assertEquals(told["/items/0/t"], ["a", "ab"]);
  assertEquals(told["/items/1/t"], ["c", undefined]);
  assertEquals(told["/items/length"], []);
  assertEquals(told["/x~1y/~0"], [1]);
  assertEquals(told["/none"], []);
  assertEquals(told["/items once"], [1]);
  assertEquals(told.never, undefined);
});

Deno.test("client knows what is where, what is complete, and what is being written", async () => {
  const steps: [
    delta: object,
    writing: string | undefined,
    complete: string[],
  ][] = [
    [{ data: {} }, "", []],
    [{ data: { "a/b": "" } }, "/a~1b", []],
    [{ data: { "a/b": "x" } }, "/a~1b", []],
    [{ data: { n: 1 }, complete: ["/a~1b"] }, "", ["/a~1b", "/n"]],
    [{ data: { rows: [] } }, "/rows", ["/a~1b", "/n"]],
    [{ data: { rows: { 0: { t: "", u: null } } } }, "/rows/0", [
      "/a~1b",
      "/n",
      "/rows/0/u",
    ]],
    [
      { data: { rows: { 0: { v: "w" } } }, complete: ["/rows/0"] },
      "/rows",
      ["/a~1b", "/n", "/rows/0", "/rows/0/t", "/rows/0/u"],
    ],
    [
      { data: { rows: { 1: [[1, "x"]] } }, complete: ["/rows/1/0"] },
      "/rows/1",
      [
        "/a~1b",
        "/n",
        "/rows/0",
        "/rows/0/t",
        "/rows/0/u",
        "/rows/1/0",
        "/rows/1/0/1",
      ],
    ],
    [{ reset: ["/rows"], data: { rows: [{ t: "" }] } }, "/rows/0/t", [
      "/a~1b",
      "/n",
    ]],
    [{ data: {}, complete: [""] }, undefined, [
      "",
      "/a~1b",
      "/n",
      "/rows",
      "/rows/0",
      "/rows/0/t",
    ]],
  ];
  const pointers = [
    ...["", "/a~1b", "/n", "/rows", "/rows/0", "/rows/0/t", "/rows/0/u"],
    ...["/rows/1", "/rows/1/0", "/rows/1/0/1", "/none", "/rows/none"],
  ];
  let step = 0;
  const field = follow(
    [
      ...steps.map(([delta], index) =>
        event(`${index}`, { status: "chunk", ...delta })
      ),
      end,
    ],
    {
      onDelta() {
        const [delta, writing, complete] = steps[step++]!;
        const name = JSON.stringify(delta);
        assertEquals(field.writing, writing, name);
        assertEquals(
          pointers.filter((pointer) => field.isComplete(pointer)),
          complete,
          name,
        );
      },
    },
  );
  assertEquals(field.writing, undefined);
  assertEquals(field.at(""), undefined);
  await field.finished;
  assertEquals(step, steps.length);
  assertEquals(field.at("/a~1b"), "x");
  assertEquals(field.at("/rows/0/t"), "");
  assertEquals(field.at("/rows/length"), undefined);
  assertEquals(field.at("/a~1b/0"), undefined);
});

Deno.test("client hands over fields and elements one by one, when they are complete and judged", async () => {
  const told: unknown[] = [];
  const fault = { pointer: "/rows/1/t", keyword: "minLength", message: "短" };
  const field = follow([
    event("1", { status: "chunk", data: { title: "x", rows: [] } }),
    event("2", {
      status: "chunk",
      data: { rows: { 0: { t: "a" } } },
      complete: ["/title"],
    }),
    event("3", {
      status: "chunk",
      data: { rows: { 1: { t: "" }, 2: 5, 3: "z" } },
      complete: ["/rows/0", "/rows/1"],
      invalid: [fault],
    }),
    event("4", { status: "chunk", data: { n: 1 }, complete: ["/rows"] }),
    event("5", {
      status: "chunk",
      reset: ["/title"],
      data: { title: "" },
    }),
    event("6", {
      status: "chunk",
      data: { title: "y" },
      complete: ["/title"],
    }),
    event("7", { status: "chunk", data: {}, complete: [""] }),
    end,
  ], { onEnd: () => told.push("end") });
  const record =
    (name: string) => (value: unknown, pointer: string, faults: unknown[]) =>
      told.push([name, value, pointer, ...faults]);
  field.onField("/title", record("title"));
  field.onField("/n", record("n"));
  field.onField("/none", record("none"));
  field.onElement("/rows", record("row"));
  field.onElement("/title", record("no array"));
  const leave = field.onElement("/rows", () => {
    told.push("once");
    leave();
  });
  field.onField("", record("all"));
  await field.finished;
  const all = { title: "y", rows: [{ t: "a" }, { t: "" }, 5, "z"], n: 1 };
  assertEquals(told.filter((entry) => entry !== "once"), [
    ["title", "x", "/title"],
    ["row", { t: "a" }, "/rows/0"],
    ["row", { t: "" }, "/rows/1", fault],
    ["row", 5, "/rows/2"],
    ["n", 1, "/n"],
    ["row", "z", "/rows/3"],
    ["title", "y", "/title"],
    ["all", all, "", fault],
    "end",
  ]);
  // Whoever comes late hears of it all the same.
  told.splice(0);
  field.onField("/title", record("late"));
  assertEquals(told, []);
  await turn();
  assertEquals(told, [["late", "y", "/title"]]);
});

Deno.test("client keeps work for each event constant where nobody looks at the states", async () => {
  const rows = 20_000;
  const events = [event("1", { status: "chunk", data: { rows: [] } })];
  for (let row = 0; row < rows; row++) {
    events.push(event(`${row + 2}`, {
      status: "chunk",
      data: { rows: { [row]: "x" } },
    }));
  }
  const { slice } = Array.prototype;
  let copied = 0;
  Array.prototype.slice = function (...bounds) {
    copied += this.length;
    return slice.apply(this, bounds);
  };
  try {
    const { state } = await follow([...events, end]).finished;
    assertEquals(state.rows.length, rows);
    assert(copied < 200_000, `${copied} elements copied`);
  } finally {
    Array.prototype.slice = slice;
  }
});

Deno.test("client that saves its state and last event id anywhere carries on exactly", async () => {
  const answer = {
    title: "科技 😀",
    rows: [{ t: 'a\\"' }, { t: "b" }],
    n: 1.5,
  };
  const text = JSON.stringify(answer);
  const model = new ScriptedModel(async (call) => {
    for (const character of text) {
      call.say(character);
      await turn();
    }
    call.end();
  });
  await using server = startServer({ ask: model.ask });
  const address = `${server.url}/helloworld`;
  const saved: string[] = [];
  const first = streamFields(address, {
    onState: (state, lastEventId) =>
      saved.push(JSON.stringify({ state, lastEventId })),
  });
  await first.finished;
  assert(saved.length > 5);
  for (const json of saved) {
    const { state } = await streamFields(address, JSON.parse(json)).finished;
    assertEquals(state, answer);
  }
  assertEquals(model.calls.length, 1);
});

Deno.test("client that carries on, or polls, has elements one by one", async () => {
  const told: unknown[] = [];
  const field = follow([
    event("7", { status: "chunk", data: { rows: { 1: "b" } } }),
    event("8", { status: "chunk", data: { rows: { 2: "c" } } }),
    event("9", { status: "chunk", data: {}, complete: [""] }),
    end,
  ], {
    lastEventId: `${id}.6`,
    state: { rows: ["a", ""] },
    onState: () => told.push("state"),
  });
  field.onElement("/rows", (value) => told.push(value));
  await field.finished;
  assertEquals(told, ["a", "state", "state", "b", "c"]);
  assert(field.isComplete("/rows/2"));

  const partial = { rows: ["a", "b"] };
  const replies = [
    { id, status: "running", lastEventId: `${id}.5`, data: partial },
    {
      ...{ id, status: "end", lastEventId: `${id}.end` },
      data: { rows: ["a", "bc"] },
    },
  ];
  const polled: unknown[] = [];
  const polls = streamFields(url, {
    id,
    fetch: (_, init) =>
      Promise.resolve(
        new Headers(init?.headers).get("Accept") === "application/json"
          ? Response.json(replies.shift())
          : new Response("", { status: 502 }),
      ),
    onConnection({ status, polling }) {
      if (status === "waiting" || polling) {
        queueMicrotask(() => polls.reconnect());
      }
    },
    onState: () => polled.push("state"),
  });
  polls.onElement("/rows", (value) => polled.push(value));
  await polls.finished;
  assertEquals(polled, ["state", "a", "state", "bc"]);
});

Deno.test("client works with a fetch that has no streams, as in React Native", async () => {
  const answer = { title: "x" };
  const text = JSON.stringify(answer);
  const model = new ScriptedModel((call) => {
    call.say(text);
    call.end();
  });
  await using server = startServer({ ask: model.ask });
  const kinds: Record<string, (response: Response) => Promise<unknown>> = {
    // expo/fetch: streams, but no byte streams.
    "default reader only": (response) => {
      const { body } = response;
      Object.defineProperty(response, "body", {
        value: {
          getReader(options?: unknown) {
            assertEquals(options, undefined);
            return body!.getReader();
          },
        },
      });
      return Promise.resolve(response);
    },
    // The one that is built in: resolves when all is there, and has no body.
    "no body": async (response) => {
      const text = await response.text();
      const { ok, status, headers } = response;
      return { ok, status, headers, text: () => Promise.resolve(text) };
    },
  };
  const { TextDecoderStream } = globalThis;
  Reflect.deleteProperty(globalThis, "TextDecoderStream");
  try {
    for (const [name, shape] of Object.entries(kinds)) {
      const own = async (...request: Parameters<typeof fetch>) =>
        await shape(await fetch(...request)) as Response;
      const field: FieldStream = streamFields(`${server.url}/helloworld`, {
        fetch: own as typeof fetch,
        onConnection({ status }) {
          if (status === "waiting") queueMicrotask(() => field.reconnect());
        },
      });
      const { status, state } = await field.finished;
      assertEquals([status, state], ["end", answer], name);
    }
  } finally {
    Object.assign(globalThis, { TextDecoderStream });
  }
});

Deno.test("client polls from the beginning where responses have no bodies", async () => {
  const { Response, fetch } = globalThis;
  const accepted: unknown[] = [];
  Object.assign(globalThis, {
    Response: class {},
    fetch(_: string, init: RequestInit) {
      accepted.push(new Headers(init.headers).get("Accept"));
      const lastEventId = `${id}.end`;
      const data = { a: "b" };
      return Promise.resolve(
        Response.json({ id, status: "end", lastEventId, data }),
      );
    },
  });
  try {
    const field = streamFields(url, { id });
    const { status, state } = await field.finished;
    assertEquals([status, state], ["end", { a: "b" }]);
    assertEquals(accepted, ["application/json"]);
    // A poll says no more than that: then all is complete.
    assert(field.isComplete("/a"));
  } finally {
    Object.assign(globalThis, { Response, fetch });
  }
});

const end = event("end", { status: "end" });

function event(offset: string, message: unknown): string {
  return `id: ${id}.${offset}\ndata: ${JSON.stringify(message)}\n\n`;
}

/** Follows an answer that is there, an event a piece. */
function follow(events: string[], options: StreamOptions = {}): FieldStream {
  const encoder = new TextEncoder();
  const body = ReadableStream.from(events.map((text) => encoder.encode(text)));
  const headers = { "Content-Type": "text/event-stream" };
  const fetch = () => Promise.resolve(new Response(body, { headers }));
  return streamFields(url, { id, fetch, ...options });
}

/** Follows an answer that the test writes. */
function live(
  onOpen: (send: (...events: string[]) => Promise<void>) => void,
  options: StreamOptions = {},
): FieldStream {
  const encoder = new TextEncoder();
  const headers = { "Content-Type": "text/event-stream" };
  const field = streamFields(url, {
    id,
    fetch(_, init) {
      let controller!: ReadableStreamDefaultController<Uint8Array>;
      const body = new ReadableStream<Uint8Array>({
        start: (own) => {
          controller = own;
        },
      });
      init!.signal!.addEventListener("abort", () => {
        try {
          controller.error(new Error("aborted"));
        } catch {
          // It had ended.
        }
      });
      onOpen(async (...events) => {
        const { bytesReceived } = field;
        const bytes = encoder.encode(events.join(""));
        controller.enqueue(bytes);
        await until(() => field.bytesReceived >= bytesReceived + bytes.length);
        await turn();
      });
      return Promise.resolve(new Response(body, { headers }));
    },
    ...options,
  });
  return field;
}

/**
 * Runs with frames that come when the test wants, or, where nobody sees them,
 * not at all.
 */
async function withFrames(
  seen: boolean,
  run: (frames: () => Promise<void>) => Promise<void>,
): Promise<void> {
  let callbacks: (() => void)[] = [];
  const { setTimeout } = globalThis;
  const timers: (() => void)[] = [];
  Object.assign(globalThis, {
    requestAnimationFrame: (callback: () => void) => callbacks.push(callback),
    setTimeout: (callback: () => void, delay: number) => {
      if (delay === 200) timers.push(callback);
      else return setTimeout(callback, delay);
    },
  });
  try {
    await run(async () => {
      const due = seen ? callbacks.splice(0) : timers.splice(0);
      callbacks = [];
      for (const callback of due) callback();
      await turn();
    });
  } finally {
    Object.assign(globalThis, { setTimeout });
    Reflect.deleteProperty(globalThis, "requestAnimationFrame");
  }
}
