// react.js and vue.js in a real browser: the examples of docs/hooks.md, typed
// while they stream; and what people have that can stay as it is.

import { gzipSync } from "node:zlib";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Address } from "../../lib/app/endpoints.ts";
import { type ModelCall, until } from "../_server.ts";
import { bundle, example } from "./_bundle.ts";
import { recipes } from "../../static/use_this.js";
import { screens } from "./_screens.ts";
import {
  browserTest,
  list,
  showInFramesOnly,
  type Stage,
  type StageOptions,
} from "./browser.ts";

const ITEMS = 60;

/** Renders of each item: in which frame, and whether it was complete before. */
const counters = `
  globalThis.frame = 0;
  const tick = () => (frame++, requestAnimationFrame(tick));
  tick();
  globalThis.renders = {};
  globalThis.rendered = (pointer) => (renders[pointer] ??= []).push(frame);`;

async function showReact(react: string): Promise<string> {
  return await bundle(
    {
      "main.jsx": `
        import { StrictMode, useState } from "react";
        import { createRoot } from "react-dom/client";
        import { Answer } from "./react.jsx";
        ${counters}
        const root = createRoot(document.body.firstChild);
        globalThis.show = (options) => root.render(options &&
          <StrictMode><Answer url="/helloworld" options={options} /></StrictMode>);`,
      "react.jsx": (await example("react.jsx"))
        .replace("const item =", "rendered(pointer);\n  const item =")
        .replace("const count =", 'rendered("list");\n  const count ='),
    },
    undefined,
    react,
  );
}

/** Pages that show the example. */
const frameworks: Record<string, () => Promise<string>> = {
  React: () => showReact("react"),
  Vue: async () =>
    await bundle({
      "main.js": `
        import { createApp } from "vue";
        import { Answer } from "./vue.js";
        ${counters}
        let app;
        globalThis.show = (options) => {
          app?.unmount();
          app = options && createApp(Answer, { url: "/helloworld", options });
          app?.mount(document.body);
        };`,
      "vue.js": (await example("vue.js"))
        .replace('h("li"', 'rendered(pointer) && h("li"')
        .replace('h("main"', 'rendered("list") && h("main"'),
    }),
};

/** Loads a program into an empty page of the server. */
async function load({ open, page, server }: Stage, code: string) {
  await open(`${server.url}/health`);
  await page.evaluate(
    'document.body.replaceChildren(document.createElement("div"))',
  );
  await page.evaluate(code);
}

/** Resolves once the page shows this. */
async function shows({ page }: Stage, text: string): Promise<void> {
  await page.waitForFunction(
    `document.body.textContent.includes(${JSON.stringify(text)})`,
    { timeout: 120_000 },
  );
}

const itemText = (index: number) =>
  `{"name":"Item ${index}","text":"is good for ${index} and more"}`;

const options: StageOptions = {
  config: { limits: { lingerSeconds: 600 } },
};

for (const [name, program] of Object.entries(frameworks)) {
  browserTest(
    `${name}: each item is typed, and rendered only while it changes`,
    async (stage) => {
      const { page, model, complaints } = stage;
      await load(stage, await program());
      await showInFramesOnly(stage);
      const called = model.nextCall();
      await page.evaluate('show({ prompt: "p" })');
      const call = await called;
      call.say('{"items":[');
      for (let index = 0; index < ITEMS; index++) {
        const text = (index > 0 ? "," : "") + itemText(index);
        for (let at = 0; at < text.length; at += 7) {
          call.say(text.slice(at, at + 7));
          // Typed while it streams: what is half said is there.
          if (at === 21 && index % 20 === 0) {
            await shows(stage, `Item ${index}`);
          }
        }
        await shows(stage, `is good for ${index} and more`);
      }
      call.say("]}");
      call.end();
      await shows(stage, "end");
      const { list, ...renders } = await page.evaluate("renders") as Record<
        string,
        number[]
      >;
      assertEquals(Object.keys(renders).length, ITEMS);
      // StrictMode renders twice each time.
      const each = name === "React" ? 2 : 1;
      // The list: when there is an item more, and for what the answer's status is.
      assert(list!.length <= each * (ITEMS + 9), `${list!.length}`);
      for (let index = 0; index < ITEMS; index++) {
        const frames = renders[`/items/${index}`]!;
        const perFrame = Map.groupBy(frames, (frame) => frame);
        const most = Math.max(
          ...[...perFrame.values()].map((all) => all.length),
        );
        assert(most <= each, `${frames}`);
        // When the next one begins, this one is complete.
        const next = renders[`/items/${index + 1}`]?.[0] ?? Infinity;
        assert(frames.at(-1)! <= next, `${frames} ${next}`);
      }
      assertEquals(model.calls.length, 1);
      assertEquals(complaints, []);
    },
    options,
  );
}

for (
  const [name, program] of Object.entries({
    ...frameworks,
    "React 18": () => showReact("react-18"),
  })
) {
  browserTest(
    `${name}: a component that was unmounted comes back to a running answer`,
    async (stage) => {
      const { page, model, server, complaints } = stage;
      await load(stage, await program());
      const called = model.nextCall();
      const asked = 'show({ prompt: "p", resume: "mine" })';
      await page.evaluate(asked);
      const call = await called;
      call.say('{"items":[{"name":"Kingfisher","text":"bl');
      await shows(stage, "bl");
      await page.evaluate("show()");
      await until(() => server.budgets.openStreams === 0);
      call.say('ue"},{"name":"Heron"');
      await page.evaluate(asked);
      await shows(stage, "blue");
      await shows(stage, "Heron");
      call.say("}]}");
      call.end();
      await shows(stage, "end");
      assertEquals(model.calls.length, 1);
      // What has ended is asked for no more, and is there.
      await page.evaluate("show()");
      await page.evaluate(asked);
      await shows(stage, "Heron");
      // Again and stop.
      const again = model.nextCall();
      await page.click("button");
      const second: ModelCall = await again;
      second.say('{"items":[{"name":"Wren"');
      await shows(stage, "Wren");
      const stopped = Promise.withResolvers<void>();
      second.signal.addEventListener("abort", () => stopped.resolve());
      await page.click("button + button");
      await stopped.promise;
      await shows(stage, "stopped");
      assertEquals(complaints, []);
    },
    options,
  );
}

/** Pages that show a title and a summary, and what leaves them. */
const fields: Record<string, () => Promise<string>> = {
  React: async () =>
    await bundle({
      "main.jsx": `
        import { createRoot } from "react-dom/client";
        import { Answer } from "./Answer.jsx";
        globalThis.show = (props) => {
          const root = createRoot(document.body.firstChild);
          root.render(<Answer {...props} />);
          globalThis.leave = () => root.unmount();
        };`,
      "Answer.jsx": await example("Answer.jsx", "README.md"),
    }),
  Vue: async () =>
    await bundle({
      "main.js": `
        import { createApp } from "vue";
        import Answer from "./Answer.vue";
        globalThis.show = (props) => {
          const app = createApp(Answer, props);
          app.mount(document.body);
          globalThis.leave = () => app.unmount();
        };`,
      "Answer.vue": await example("Answer.vue", "README.md"),
    }),
  Svelte: async () =>
    await bundle({
      "main.js": `
        import { mount, unmount } from "svelte";
        import Answer from "./Answer.svelte";
        globalThis.show = (props) => {
          const app = mount(Answer, { target: document.body, props });
          globalThis.leave = () => void unmount(app);
        };`,
      "Answer.svelte": await example("Answer.svelte"),
      "field.js": await example("field.js"),
    }),
  Solid: async () =>
    await bundle({
      "main.js": `
        import { createComponent, render } from "solid-js/web";
        import { Answer } from "./solid.jsx";
        globalThis.show = (props) => {
          globalThis.leave = render(
            () => createComponent(Answer, props),
            document.body,
          );
        };`,
      "solid.jsx": await example("solid.jsx"),
      "signal.js": await example("signal.js"),
    }),
};

for (const [name, program] of Object.entries(fields)) {
  browserTest(
    `${name}: only the place that changes is touched`,
    async (stage) => {
      const { page, model, server, complaints } = stage;
      await load(stage, await program());
      const called = model.nextCall();
      await page.evaluate(
        'show({ url: "/helloworld", options: { prompt: "p" } })',
      );
      const call = await called;
      call.say('{"title":"Kingfisher","summary":"');
      await shows(stage, "Kingfisher");
      await page.evaluate(`
        globalThis.touched = [];
        new MutationObserver((records) => {
          for (const { target } of records) {
            touched.push((target.closest ? target : target.parentNode).localName);
          }
        }).observe(document.body, {
          subtree: true, childList: true, characterData: true });`);
      for (const word of ["Blue", " and", " quick"]) {
        call.say(word);
        await shows(stage, word);
      }
      await shows(stage, "Blue and quick");
      const touched = await page.evaluate("touched") as string[];
      assert(touched.length >= 3);
      assertEquals([...new Set(touched)], ["p"]);
      await page.evaluate("leave()");
      await until(() => server.budgets.openStreams === 0);
      assertEquals(complaints, []);
    },
  );
}

const servers: Record<string, () => Promise<string>> = {
  React: async () =>
    await bundle({
      "main.jsx": `
        import { renderToString } from "react-dom/server.browser";
        import { Answer } from "./react.jsx";
        html(renderToString(<Answer url="http://127.0.0.1:1/" options={options} />));`,
      "react.jsx": await example("react.jsx"),
    }),
  Vue: async () =>
    await bundle({
      "main.js": `
        import { createSSRApp } from "vue";
        import { renderToString } from "vue/server-renderer";
        import { Answer } from "./vue.js";
        const url = "http://127.0.0.1:1/";
        renderToString(createSSRApp(Answer, { url, options })).then(html);`,
      "vue.js": await example("vue.js"),
    }),
};

browserTest(
  "React: a page that suspends, and renders in transitions, asks once",
  async (stage) => {
    const { page, model, complaints } = stage;
    await load(
      stage,
      await bundle({
        "main.jsx": `
          import { lazy, startTransition, StrictMode, Suspense, useState } from "react";
          import { createRoot } from "react-dom/client";
          import { Answer } from "./Answer.jsx";
          const late = (name) => lazy(() => new Promise((resolve) => {
            globalThis[name] = () => resolve({ default: () => name });
          }));
          const First = late("first");
          const Second = late("second");
          function Page({ url }) {
            const [more, setMore] = useState(false);
            const [count, setCount] = useState(0);
            globalThis.again = () => startTransition(() => setCount(count + 1));
            globalThis.suspend = () => startTransition(() => setMore(true));
            return <Suspense fallback="waits">
              <Answer url={url + "?" + count} options={{ prompt: "p" }} />
              <First /> {more && <Second />}
            </Suspense>;
          }
          globalThis.show = () => createRoot(document.body.firstChild).render(
            <StrictMode><Page url="/helloworld" /></StrictMode>);`,
        "Answer.jsx": await example("Answer.jsx", "README.md"),
      }),
    );
    const called = model.nextCall();
    await page.evaluate("show()");
    await shows(stage, "waits");
    assertEquals(model.calls.length, 0);
    await page.evaluate("first()");
    const call = await called;
    call.say('{"title":"');
    for (const word of ["King", "fis", "her"]) {
      call.say(word);
      await page.evaluate("again()");
      await shows(stage, word);
    }
    // The page stays while more of it is on its way.
    await page.evaluate("suspend()");
    call.say('","summary":"Blue');
    await shows(stage, "Blue");
    await page.waitForFunction("globalThis.second");
    await page.evaluate("second()");
    await shows(stage, "second");
    call.say('"}');
    call.end();
    await shows(stage, "KingfisherBlueend");
    assertEquals(model.calls.length, 1);
    assertEquals(complaints, []);
  },
);

for (const [name, program] of Object.entries(servers)) {
  Deno.test({
    name: `${name}: nothing is fetched where a server renders`,
    // React opens a message port, and keeps it.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      let fetched = 0;
      const options = {
        resume: "mine",
        fetch: () => Promise.reject(new Error(`Fetched ${++fetched}`)),
      };
      const rendered = Promise.withResolvers<string>();
      const run = new Function("html", "options", await program());
      run(rendered.resolve, options);
      assertStringIncludes(await rendered.promise, "idle");
      assertEquals(fetched, 0);
    },
  });
}

browserTest(
  "useObject of the AI SDK reads an address whose format is text",
  async (stage) => {
    const { page, model } = stage;
    await load(
      stage,
      await bundle({
        "main.jsx": `
        import { createRoot } from "react-dom/client";
        import { experimental_useObject as useObject } from "@ai-sdk/react";
        import { z } from "zod";
        const schema = z.object({ items: z.array(z.object({ name: z.string() })) });
        function Page() {
          const { object, submit, error, isLoading } = useObject({
            api: "/api/items", schema,
            onFinish: ({ object }) => globalThis.finished = object });
          globalThis.submit = submit;
          return <p>{JSON.stringify(object)}{String(isLoading)}{error && "failed"}</p>;
        }
        createRoot(document.body.firstChild).render(<Page />);`,
      }),
    );
    const ask = async (): Promise<ModelCall> => {
      const called = model.nextCall();
      await page.evaluate('void submit({ what: "birds" })');
      return await called;
    };
    await page.waitForFunction("globalThis.submit");
    const call = await ask();
    assertEquals(call.question.prompt, "Some birds");
    call.say("Sure: {'items': [{'name': 'King");
    await shows(stage, '{"items":[{"name":"King"}]}true');
    call.say("fisher',},]}");
    call.end();
    await shows(stage, '{"items":[{"name":"Kingfisher"}]}false');
    assertEquals(await page.evaluate("finished"), {
      items: [{ name: "Kingfisher" }],
    });
    // A failure is none that looks like an end, also where all seems to be there.
    const failing = await ask();
    failing.say('{"items":[{"name":"Wren"}]}');
    await shows(stage, "Wren");
    failing.end("content_filter");
    await shows(stage, "failed");
  },
  {
    config: {
      addresses: new Map<string, Address>([["/api/items", {
        prompt: "Some {{what}}",
        input: { type: "object", properties: { what: { type: "string" } } },
        format: "text",
      }]]),
    },
  },
);

Deno.test("the client takes at most 6 KB minified and compressed, the hooks 2 KB more each", async () => {
  const sizeOf = async (name: string): Promise<number> => {
    const code = `export * from "@fieldstream/fieldstream/${name}";`;
    const program = await bundle({ "main.js": code }, ["react", "vue"]);
    return gzipSync(program, { level: 9 }).length;
  };
  const client = await sizeOf("client");
  assert(client > 3_000 && client <= 6 * 1_024, `${client}`);
  for (const name of ["react", "vue"]) {
    const more = await sizeOf(name) - client;
    assert(more > 500 && more <= 2 * 1_024, `${name}: ${more}`);
  }
});

browserTest(
  "the page's code for React asks what is on the screen, and shows it",
  async (stage) => {
    const { page, server, complaints } = stage;
    const url = `${server.url}/helloworld`;
    const names = Object.keys(screens);
    const files = names.map((name, index) => [
      `answer${index}.jsx`,
      recipes["React"]!({ url, ...screens[name]! }),
    ]);
    await load(
      stage,
      await bundle({
        "main.jsx": `
        import { createRoot } from "react-dom/client";
        ${
          names.map((_, index) =>
            `import { Answer as Answer${index} } from "./answer${index}.jsx";`
          ).join("\n")
        }
        const root = createRoot(document.body);
        globalThis.show = (index) => root.render(
          [${
          names.map((_, index) => `<Answer${index} key="${index}" />`)
        }][index]);`,
        ...Object.fromEntries(files),
      }),
    );
    for (const [index, name] of names.entries()) {
      const { prompt, schema } = screens[name]!;
      const called = stage.model.nextCall();
      await page.evaluate(`show(${index})`);
      const call = await called;
      assertEquals(call.question.prompt, prompt, name);
      if (schema) assertEquals(call.question.schema, schema, name);
      const fields = Object.entries(
        (schema?.properties ?? { title: {}, summary: {} }) as Record<
          string,
          { type?: string }
        >,
      ).map(([key, { type = "string" }], at) =>
        [
          key,
          ({
            string: `text ${at}`,
            integer: at,
            number: at,
            boolean: true,
          } as Record<string, unknown>)[type] ?? (type === "array" ? [] : {}),
        ] as const
      );
      call.say(JSON.stringify(Object.fromEntries(fields)));
      call.end();
      await shows(stage, "end");
      const shown = await list(stage, "article > :is(h1, p)");
      // The first says how the answer fares.
      assertEquals(
        (shown as string[]).slice(1),
        fields.map(([, value]) =>
          typeof value === "object" || typeof value === "boolean"
            ? JSON.stringify(value)
            : String(value)
        ),
        name,
      );
      // Its buttons, too.
      const again = stage.model.nextCall();
      await page.click("article button");
      (await again).say('{"title":"again ');
      await page.click("article button + button");
      await shows(stage, "stopped");
    }
    assertEquals(complaints, []);
  },
  options,
);
