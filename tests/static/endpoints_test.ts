// What the page shows where the server says what may be asked.

import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import { type Address, parseEndpoints } from "../../lib/app/endpoints.ts";
import { messages } from "../../static/messages.js";
import { presets } from "../../static/presets.js";
import { fontOfWidth } from "./_font.ts";
import { measure } from "./_measure.ts";
import { ask, browserTest, focused, list, type Stage } from "./browser.ts";

const { zh, en } = messages;

const file = {
  "/api/recipe": {
    prompt: "{{dish}}, {{persons}}, {{style}}, {{quick}}, {{notes}}, {{tags}}",
    schema: {
      type: "object",
      properties: {
        title: { type: "string", title: "菜名" },
        steps: { type: "array", items: { type: "string" }, title: "步骤" },
      },
      required: ["title", "steps"],
    },
    input: {
      type: "object",
      properties: {
        dish: {
          type: "string",
          title: "菜",
          description: "想吃什么",
          minLength: 1,
          maxLength: 40,
          not: { const: "gravel" },
        },
        persons: { type: "integer", minimum: 1, maximum: 20, default: 2 },
        style: { enum: ["plain", 7] },
        quick: { type: "boolean", title: "赶时间" },
        notes: { type: "string", maxLength: 500 },
        tags: { type: "array", items: { type: "string" } },
      },
      required: ["dish", "persons", "tags"],
    },
  },
  "/joke": { prompt: "A joke" },
};

function addresses(helloworld?: Address): Map<string, Address> {
  return new Map<string, Address>([
    ...helloworld ? [["/helloworld", helloworld] as const] : [],
    ...parseEndpoints(JSON.stringify(file)) as Map<string, Address>,
  ]);
}

const forms = { config: { addresses: addresses() } };

/** Waits for the form, and fills it in. */
async function fillIn({ page }: Stage): Promise<void> {
  await page.waitForSelector("#input:not([hidden])");
  await page.type("#input-0", "汤");
  await page.select("#input-2", "1");
  await page.click("#input-3");
  await page.type("#input-5", '["x"]');
}

browserTest("makes a form of what an address takes", async (stage) => {
  const { page, model, phase, text, shows, complaints } = stage;
  await page.waitForSelector("#input:not([hidden])");
  assertEquals(await page.$(":is(#prompt, #choices):not([hidden])"), null);
  assertEquals(await list(stage, "#addresses button"), [
    "/api/recipe",
    "/joke",
  ]);
  assertEquals(await list(stage, "#input label"), [
    "菜",
    "persons",
    `style ${zh.optional}`,
    "赶时间",
    `notes ${zh.optional}`,
    "tags",
  ]);
  assertEquals(await list(stage, "#answer .name"), ["菜名", "步骤"]);
  assertEquals(await text("#input-0-hint"), "想吃什么");
  assertEquals(
    await page.evaluate(`[...document.querySelectorAll("#input [id]")]
      .filter(({ type }) => type)
      .map(({ type, required, min, max, maxLength, value }) =>
        [type, required, min ?? "", max ?? "", maxLength ?? "", value])`),
    [
      ["text", true, "", "", 40, ""],
      ["number", true, "1", "20", -1, "2"],
      ["select-one", false, "", "", "", ""],
      ["checkbox", false, "", "", -1, "on"],
      ["textarea", false, "", "", 500, ""],
      ["textarea", true, "", "", -1, ""],
    ],
  );
  // The browser says what is missing, and nothing is asked.
  await page.click("#start");
  assertEquals(await focused(stage), "input-0");
  await fillIn(stage);
  await page.type("#input-5", "[");
  await page.click("#start");
  assertEquals(await focused(stage), "input-5");
  await page.keyboard.press("Backspace");
  assertEquals(model.calls.length, 0);
  const call = await ask(stage);
  assertEquals(call.question.prompt, '汤, 2, 7, true, , ["x"]');
  assertEquals(call.question.schema, file["/api/recipe"].schema);
  call.say('{"title":"番茄汤","steps":["煮');
  await shows("#state-text", zh.writing("步骤"));
  await page.reload();
  await shows(".headline .value", "番茄汤");
  assertEquals(await list(stage, "#answer .name"), ["菜名", "步骤"]);
  call.say('"]}');
  call.end();
  await phase("complete");
  await page.waitForSelector("#input:not([hidden])");
  assertEquals(
    await page.evaluate(`[...document.querySelectorAll("#input [id]")]
      .filter(({ type }) => type)
      .map((control) => control.type === "checkbox"
        ? control.checked : control.value)`),
    ["汤", "2", "1", true, "", '[\n  "x"\n]'],
  );
  assertEquals(model.calls.length, 1);
  assertEquals(complaints, []);
}, forms);

browserTest(
  "asks another address, and returns to what was there",
  async (stage) => {
    const { page, phase, text } = stage;
    await fillIn(stage);
    await page.click("#addresses ::-p-text(/joke)");
    assertEquals(await page.$("#input:not([hidden])"), null);
    assertEquals(await text("#pinned"), zh.pinned);
    const call = await ask(stage);
    assertEquals(call.question.prompt, "A joke");
    assertEquals(call.question.schema, undefined);
    call.say('{"joke":"…"}');
    call.end();
    await phase("complete");
    assertEquals(await list(stage, "#answer .value"), ["…"]);
    await page.click("#addresses ::-p-text(/api/recipe)");
    await phase("idle");
    assertEquals((await ask(stage)).question.prompt, '汤, 2, 7, true, , ["x"]');
  },
  forms,
);

browserTest("shows a wrong input by its field", async (stage) => {
  const { page, model, phase, text } = stage;
  await fillIn(stage);
  await page.$eval("#input-0", (input) => {
    (input as unknown as { value: string }).value = "gravel";
  });
  await page.click("#start");
  await phase("error");
  await page.waitForSelector("#start:not([hidden])");
  await page.waitForSelector("#input-0[aria-invalid]");
  assert(await text("#input-0-error") !== "");
  assertEquals(await text("#state-text"), zh.wrongInput.title);
  assertEquals(await focused(stage), "input-0");
  assertEquals(await page.$("#notice:not([hidden])"), null);
  await page.keyboard.press("End");
  await page.keyboard.type("s");
  assertEquals(await page.$("#input [aria-invalid]"), null);
  assertEquals(await text("#input-0-error"), "");
  // A fault inside a value is that field's.
  await page.evaluate(`document.querySelector("#input-5").value = "[1]"`);
  await page.click("#start");
  await page.waitForSelector("#input-5[aria-invalid]");
  assertEquals(model.calls.length, 0);
}, forms);

browserTest("says what is wrong with an input as a whole", async (stage) => {
  const { page, phase, text, model } = stage;
  await page.waitForSelector("#input:not([hidden])");
  await page.click("#start");
  await phase("error");
  await page.waitForSelector("#notice:not([hidden])");
  assertEquals(await text("#notice-title"), en.wrongInput.title);
  assert((await text("#notice-words")).startsWith("input: "));
  await page.type("#input-1", "b");
  assertEquals((await ask(stage)).question.prompt, "b");
  assertEquals(model.calls.length, 1);
}, {
  language: "en-US",
  config: {
    addresses: parseEndpoints(JSON.stringify({
      "/either": {
        prompt: "{{a}}{{b}}",
        input: {
          type: "object",
          properties: { a: { type: "string" }, b: { type: "string" } },
          minProperties: 1,
        },
      },
    })) as Map<string, Address>,
  },
});

browserTest("says where one question is answered", async (stage) => {
  const { page, phase, text } = stage;
  await page.waitForSelector("#pinned:not([hidden])");
  assertEquals(
    await page.$(":is(#prompt, #choices, #addresses, #input):not([hidden])"),
    null,
  );
  assertEquals(await text("#pinned"), en.pinned);
  const call = await ask(stage);
  assertEquals(call.question.prompt, "a prompt");
  call.say('{"title":"A","summary":"B"}');
  call.end();
  await phase("complete");
  await page.reload();
  await phase("complete");
  assertEquals(await text(".headline .value"), "A");
}, {
  language: "en-US",
  config: { addresses: new Map([["/helloworld", "own"]]) },
});

browserTest(
  "has the prompt first, where anything may be asked",
  async (stage) => {
    const { page } = stage;
    await page.waitForSelector("#addresses:not([hidden])");
    assertEquals(
      await stage.text("#addresses [aria-pressed=true]"),
      "/helloworld",
    );
    assert(await page.$("#prompt:not([hidden])"));
    await page.click("#addresses ::-p-text(/joke)");
    (await ask(stage)).say("{}");
    await page.click("#stop");
    await page.reload();
    await page.waitForSelector("#pinned:not([hidden])");
    await page.click("#addresses ::-p-text(/helloworld)");
    const call = await ask(stage);
    assertEquals(call.question.prompt, presets["article"]!.zh.prompt);
  },
  { config: { addresses: addresses("open") } },
);

browserTest(
  "takes any question, where the server does not tell",
  async (stage) => {
    const { page } = stage;
    await page.setRequestInterception(true);
    page.on(
      "request",
      (request) =>
        request.url().endsWith("/endpoints")
          ? request.respond({ status: 404, body: "{}" })
          : request.continue(),
    );
    // It asks another way who answers.
    const head = page.waitForResponse((response) =>
      response.request().method() === "HEAD"
    );
    await page.reload();
    await head;
    assert(await page.$("#prompt:not([hidden])"));
    const call = await ask(stage);
    assertEquals(call.question.prompt, presets["article"]!.zh.prompt);
  },
);

for (const kind of ["client.js", "EventSource"]) {
  browserTest(`gives code for an address's input, ${kind}`, async (stage) => {
    const { page, model } = stage;
    await page.setBypassCSP(true);
    await page.reload();
    await page.waitForSelector("#input:not([hidden])");
    await page.type("#input-0", "It's & so");
    await page.click("#input-1");
    await page.click("#use-open");
    await page.click(`#use-kinds ::-p-text(${kind})`);
    const next = model.nextCall();
    const content = await stage.text("#use-code");
    assert(!content.includes("schema"));
    await page.addScriptTag({ type: "module", content });
    assertEquals((await next).question.prompt, "It's & so, true");
  }, {
    config: {
      addresses: parseEndpoints(JSON.stringify({
        "/tea": {
          prompt: "{{name}}, {{hot}}",
          input: {
            type: "object",
            properties: {
              name: { type: "string" },
              hot: { type: "boolean" },
            },
          },
        },
      })) as Map<string, Address>,
    },
  });
}

browserTest("fills a form by keyboard alone", async (stage) => {
  const { page, model } = stage;
  await page.waitForSelector("#input:not([hidden])");
  const order: string[] = [];
  for (let i = 0; i < 13; i++) {
    await page.keyboard.press("Tab");
    order.push(await focused(stage));
    assert(
      await page.evaluate(
        `getComputedStyle(document.activeElement).outlineStyle !== "none"`,
      ),
      order.at(-1),
    );
    if (order.at(-1) === "input-0") await page.keyboard.type("茶");
    if (order.at(-1) === "input-3") await page.keyboard.press("Space");
    if (order.at(-1) === "input-5") await page.keyboard.type("[]");
  }
  assertEquals(order.slice(4), [
    "choice",
    "choice",
    "input-0",
    "input-1",
    "input-2",
    "input-3",
    "input-4",
    "input-5",
    "start",
  ]);
  const next = model.nextCall();
  await page.focus("#input-0");
  await page.keyboard.press("Enter");
  assertEquals((await next).question.prompt, "茶, 2, , true, , []");
}, forms);

browserTest("speaks two languages in a form", async (stage) => {
  const { page } = stage;
  await fillIn(stage);
  await page.click("#language");
  assertEquals(await list(stage, "#input label small"), [
    en.optional,
    en.optional,
  ]);
  assertEquals((await ask(stage)).question.prompt, '汤, 2, 7, true, , ["x"]');
}, forms);

for (const dark of [false, true]) {
  browserTest(
    `is accessible and fits with a form, ${dark ? "dark" : "light"}`,
    async (stage) => {
      const { page } = stage;
      await page.setBypassCSP(true);
      await page.reload();
      await fillIn(stage);
      await page.evaluate(`for (const error of
        document.querySelectorAll("#input .error-text")) {
          error.textContent = "输入".repeat(20) + "W".repeat(60);
          error.previousElementSibling.textContent = "h".repeat(80);
          error.parentElement.querySelector("label").prepend("l".repeat(80));
          error.parentElement.querySelector("input, select, textarea")
            .setAttribute("aria-invalid", "true");
        }`);
      await page.evaluate(axe.source);
      assertEquals(
        await page.evaluate(`axe.run().then(({ violations }) =>
          violations.map(({ id, nodes }) => id + nodes.map(({ html }) => html)))`),
        [],
      );
      assertEquals(await page.evaluate(measure, fontOfWidth(1).toBase64()), []);
    },
    { ...forms, dark },
  );
}
