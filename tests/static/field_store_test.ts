// field_store.js: what components may do with an answer, in whatever order.

import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  type FieldStore,
  fieldStore,
  type FieldStreamOptions,
} from "../../static/field_store.js";
import { ScriptedModel, startServer, until } from "../_server.ts";

/** A server, its model, and the requests that were made. */
async function withServer(
  run: (scene: {
    model: ScriptedModel;
    open: (options?: FieldStreamOptions, url?: string) => FieldStore;
    requests: string[];
    left: () => Promise<void>;
    url: string;
  }) => Promise<void>,
): Promise<void> {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const address = `${server.url}/helloworld`;
  const requests: string[] = [];
  const spy: typeof fetch = (input, init) => {
    requests.push(init?.method ?? "GET");
    return fetch(input, init);
  };
  await run({
    model,
    open: (options, url = address) =>
      fieldStore(url, { fetch: spy, ...options }),
    requests,
    left: () => until(() => server.budgets.openStreams === 0),
    url: address,
  });
}

const shows = (store: FieldStore, text: string) =>
  until(() => JSON.stringify(store.state ?? "").includes(text));

Deno.test("a component that is mounted, unmounted and mounted again asks once", async () => {
  await withServer(async ({ model, open, requests }) => {
    const store = open();
    const called = model.nextCall();
    // As under StrictMode.
    store.mount();
    store.unmount();
    store.mount();
    const call = await called;
    call.say('{"a":"x"}');
    call.end();
    await until(() => store.status === "end");
    assertEquals([store.state, requests], [{ a: "x" }, ["POST"]]);
    store.unmount();
  });
});

Deno.test("start() twice asks once; start() in mid-answer stops what was asked", async () => {
  await withServer(async ({ model, open, requests }) => {
    const told: unknown[] = [];
    const store = open({
      immediate: false,
      onConnection: ({ status }) => told.push(status),
    });
    const seen: unknown[] = [];
    store.controls.subscribe("/a", (value) => seen.push(value));
    store.mount();
    const called = model.nextCall();
    store.start({ prompt: "one" });
    store.start({ prompt: "two" });
    const first = await called;
    assertEquals(first.question.prompt, "two");
    first.say('{"a":"x');
    await shows(store, "x");
    const again = model.nextCall();
    store.start({ prompt: "three" });
    assertEquals([store.state, store.at("/a")], [undefined, undefined]);
    told.splice(0);
    await until(() => first.signal.aborted);
    const second = await again;
    second.say('{"a":"y"}');
    second.end();
    await until(() => store.status === "end");
    assertEquals(store.state, { a: "y" });
    // What was replaced says no more.
    assertEquals(told, ["connecting", "open", "closed"]);
    assertEquals(
      [seen[0], seen.includes("x"), seen.at(-1)],
      [undefined, true, "y"],
    );
    assertEquals(requests.toSorted(), ["DELETE", "POST", "POST"]);
    assertEquals(model.calls.length, 2);
    store.unmount();
  });
});

Deno.test("stop() before the first event ends it, and start() asks again", async () => {
  await withServer(async ({ model, open }) => {
    const store = open();
    store.mount();
    await store.stop();
    await until(() => store.status === "stopped");
    assertEquals(model.calls.length, 0);
    // Once the server has been asked, too.
    const called = model.nextCall();
    store.start();
    const call = await called;
    await store.stop();
    await until(() => store.status === "stopped" && call.signal.aborted);
    // What has ended is not asked for again.
    store.unmount();
    store.mount();
    assertEquals([store.status, model.calls.length], ["stopped", 1]);
    store.unmount();
  });
});

Deno.test("start() after an error begins anew", async () => {
  await withServer(async ({ model, open }) => {
    const store = open();
    const called = model.nextCall();
    store.mount();
    const failing = await called;
    failing.say('{"a":"x');
    failing.end("length");
    await until(() => store.status === "error");
    assertEquals([store.error?.code, store.state], ["truncated", { a: "x" }]);
    const again = model.nextCall();
    store.start();
    assertEquals([store.error, store.state], [undefined, undefined]);
    assertEquals(store.isComplete(""), false);
    const call = await again;
    call.say('{"a":"y"}');
    call.end();
    await until(() => store.status === "end");
    assertEquals([store.state, store.error], [{ a: "y" }, undefined]);
    store.unmount();
  });
});

Deno.test("whoever comes back gets the answer that was left, from where it was asked", async () => {
  await withServer(async ({ model, open, left }) => {
    const store = open();
    const called = model.nextCall();
    store.mount();
    const call = await called;
    call.say('{"a":"x');
    await shows(store, "x");
    store.unmount();
    await left();
    // The component has another address by now, for its next question.
    store.url = "http://127.0.0.1:1/";
    call.say('y"}');
    call.end();
    store.mount();
    await until(() => store.status === "end");
    assertEquals([store.state, model.calls.length], [{ a: "xy" }, 1]);
    store.unmount();
  });
});

Deno.test("components of one name share an answer, whoever is mounted first", async () => {
  const { document } = globalThis as { document?: unknown };
  Object.assign(globalThis, { document: new EventTarget() });
  try {
    await withServer(async ({ model, open, left }) => {
      // Both are rendered before either is mounted.
      const [one, two] = [open({ resume: "n" }), open({ resume: "n" })];
      assertStrictEquals(one, two);
      const called = model.nextCall();
      one.mount();
      two.mount();
      const call = await called;
      call.say('{"a":"x');
      await shows(one, "x");
      one.unmount();
      call.say('y"}');
      call.end();
      await until(() => two.status === "end");
      two.unmount();
      await left();
      assertEquals(model.calls.length, 1);
      assertEquals(open({ resume: "n" }).state, { a: "xy" });
    });
  } finally {
    Object.assign(globalThis, { document });
    if (document === undefined) Reflect.deleteProperty(globalThis, "document");
  }
  // Where a server renders, a name is nobody's.
  const options = { resume: "server", immediate: false };
  assertEquals(
    fieldStore("http://a.test/", options) ===
      fieldStore("http://a.test/", options),
    false,
  );
});
