// What the page offers beside the answer: code, faults, JSON, comparisons.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { DEMO_PROMPTS } from "../../lib/models/demo/model.ts";
import { messages } from "../../static/messages.js";
import { presets } from "../../static/presets.js";
import { recipes } from "../../static/use_this.js";
import { testConfig } from "../_server.ts";
import { screens } from "./_screens.ts";
import { ask, browserTest, focused, list, setValue } from "./browser.ts";

const zh = messages.zh;
const recipe = {
  title: "番茄炒蛋",
  summary: '说是"家常"，\n其实不难。',
  minutes: 1250,
  servings: 2,
  ingredients: [{ name: "蛋", amount: "3 个" }],
  steps: [],
  tip: "",
};

for (const kind of ["client.js", "EventSource"]) {
  browserTest(`gives code for ${kind} that runs`, async (stage) => {
    const { page, model } = stage;
    await page.setBypassCSP(true);
    await page.reload();
    await page.click("#use-open");
    await page.waitForSelector("#use[open]");
    await page.click(`#use-kinds ::-p-text(${kind})`);
    assertEquals(
      await stage.text("#use-kinds [aria-pressed=true]"),
      kind,
    );
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    const next = model.nextCall();
    await page.addScriptTag({
      type: "module",
      content: await stage.text("#use-code"),
    });
    const call = await next;
    assertEquals(call.question.prompt, presets["article"]!.zh.prompt);
    call.say('{"title":"雨","summary":"夜"}');
    call.end();
    await page.keyboard.press("Escape");
    await page.waitForSelector("#use:not([open])");
    assertEquals(await focused(stage), "use-open");
    while (!said.some((line) => line.startsWith("end"))) {
      await new Promise((resolve) => page.once("console", resolve));
    }
    // Whatever the question, the code is the same as on the page.
    const url = `${stage.server.url}/helloworld`;
    for (const screen of Object.values(screens)) {
      const next = model.nextCall();
      const content = recipes[kind]!({ url, ...screen });
      await page.addScriptTag({ type: "module", content });
      const { question } = await next;
      assertEquals(question.prompt, screen.prompt);
      if (screen.schema && kind !== "EventSource") {
        assertEquals(question.schema, screen.schema);
      }
    }
  });
}

browserTest(
  "gives code with the schema that is on the screen",
  async (stage) => {
    const { page, text } = stage;
    await page.click("input[value=recipe]");
    const { prompt, schema } = presets["recipe"]!.zh;
    await page.click("#use-open");
    for (const kind of ["curl", "client.js", "React", zh.useServer]) {
      await page.click(`#use-kinds ::-p-text(${kind})`);
      const code = await text("#use-code");
      assert(code.includes(prompt), kind);
      const plain = (text: string) => text.replaceAll(/[\s"]/g, "");
      assert(plain(code).includes(plain(JSON.stringify(schema))), kind);
    }
    await page.browserContext().overridePermissions(stage.server.url, [
      "clipboard-read",
      "clipboard-write",
    ]);
    await page.click("#use-copy");
    await stage.shows("#use-copied", zh.copied);
    assertEquals(
      await page.evaluate("navigator.clipboard.readText()"),
      await text("#use-code"),
    );
    await page.click("#use-close");
    await page.waitForSelector("#use:not([open])");
    // What is no schema is said where it stands.
    await setValue(stage, "#schema", "{");
    await page.click("#use-open");
    assertEquals(await page.$("#use[open]"), null);
    assertEquals(await focused(stage), "schema");
  },
);

browserTest("has the demo model misbehave", async (stage) => {
  const { page, text, phase } = stage;
  assertEquals(Object.keys(zh.faults), Object.keys(DEMO_PROMPTS));
  // Before anything has been asked.
  await page.waitForSelector("#misbehave:not([hidden])");
  await page.click("#misbehave summary");
  for (const name of ["demo:think", "demo:cut"]) {
    const next = stage.model.nextCall();
    await page.click(`#faults ::-p-text(${zh.faults[name]})`);
    const misbehaving = await next;
    const topic = presets["article"]!.zh.prompt;
    assertEquals(misbehaving.question.prompt, `${name} ${topic}`);
    misbehaving.say('{"title":"雨"}');
    misbehaving.end();
    await phase("complete");
    await page.waitForSelector("#start:not([hidden])");
  }
  assertEquals(await text("#model"), zh.demo);
}, { config: { model: { ...testConfig().model, model: "demo" } } });

browserTest("offers no misbehaviour of a real model", async (stage) => {
  const call = await ask(stage);
  call.say('{"title":"雨"}');
  call.end();
  await stage.phase("complete");
  assert(await stage.page.$("#misbehave[hidden]"));
});

browserTest("shows the answer as JSON while it grows", async (stage) => {
  const { page, phase, text } = stage;
  await page.click("#beside ::-p-text(JSON)");
  assertEquals(await text("#beside [aria-pressed=true]"), "JSON");
  const call = await ask(stage);
  const answer = JSON.stringify({ ...recipe, none: null, a: { b: [[], {}] } });
  const shown = () =>
    page.evaluate(`document.querySelector("#json").innerText`);
  await page.evaluate(`globalThis.wrong = [];
    new MutationObserver(() => {
      const text = document.querySelector("#json").textContent;
      try { if (text) JSON.parse(text) } catch { wrong.push(text) }
    }).observe(document.querySelector("#json"), { childList: true,
      characterData: true, subtree: true })`);
  for (let at = 0; at < answer.length; at += 3) {
    call.say(answer.slice(at, at + 3));
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  call.end();
  await phase("complete");
  const whole = JSON.stringify(JSON.parse(answer), null, 2);
  await page.waitForFunction(
    `document.querySelector("#json").innerText === ${JSON.stringify(whole)}`,
  );
  assertEquals(await page.evaluate("wrong"), []);
  // Also what is taken back, and what is too long for a block.
  const again = await ask(stage);
  const long = "长".repeat(9_000);
  again.say(`{"a":"1","b":["x"],"a":{"c":"${long}`);
  again.say('"}}');
  again.end();
  await phase("complete");
  await page.waitForFunction(`document.querySelector("#json").textContent
    .endsWith("}\\n}")`);
  assertEquals(JSON.parse(await text("#json")), { b: ["x"], a: { c: long } });
  assert(String(await shown()).length > 9_000);
});

browserTest("replays an answer beside other ways to show it", async (stage) => {
  const { page, phase, text } = stage;
  assert(await page.$("#compare-open[hidden]"));
  await page.click("input[value=recipe]");
  let call = await ask(stage);
  const answer = JSON.stringify(recipe);
  for (let at = 0; at < answer.length; at += 2) {
    call.say(answer.slice(at, at + 2));
    await new Promise((resolve) => setTimeout(resolve, 8));
  }
  call.end();
  await phase("complete");
  await page.click("#compare-open");
  const replayed = (way: string) => text(`#compare-${way} .replay`);
  // Nothing comes before the end, where the others have begun.
  await page.waitForFunction(`document.querySelector("#compare-fields .replay")
    .textContent.includes("番茄")`);
  assertEquals(await replayed("none"), "");
  for (const way of ["fields", "none", "usual"]) {
    await stage.shows(`#compare-${way} .replay`, "3 个");
    await stage.shows(`#compare-${way} .replay`, "1250");
  }
  await stage.shows("#compare-none .replay", "tip");
  assertEquals(await replayed("none"), await replayed("fields"));
  assertEquals(await replayed("none"), await replayed("usual"));
  assertMatch(await text("#compare-fields .facts"), /收回 0 次/);
  assertMatch(await text("#compare-none .facts"), /收回 0 次/);
  assertMatch(await text("#compare-usual .facts"), /收回 [1-9]\d* 次/);
  assert((await text("#compare-note")).startsWith(zh.compareNote));
  await page.click("#language");
  assertMatch(await text("#compare-usual .facts"), /taken back [1-9]/);
  await page.click("#language");
  // It outlives a reload, with its pace.
  await page.reload();
  await phase("complete");
  await page.click("#compare-open:not([hidden])");
  await page.waitForFunction(`document.querySelector("#compare-fields .replay")
    .textContent.includes("番茄")`);
  assertEquals(await replayed("none"), "");
  // And is gone with the answer.
  call = await ask(stage);
  assert(await page.$("#compare[hidden]"));
  call.say('{"title":"');
  call.end("length");
  await phase("truncated");
  assert(await page.$("#compare-open[hidden]"));
});

browserTest("shows what is empty, and what is null", async (stage) => {
  const call = await ask(stage);
  call.say('{"title":"","a":[],"b":{},"c":null,"d":[{"e":[]},""],"f":[["');
  call.say('x"]]}');
  call.end();
  await stage.phase("complete");
  assertEquals(
    await list(stage, "#answer :is(.empty, .atom, .text)"),
    ['""', "[]", "{}", "null", "[]", '""', "x"],
  );
});

browserTest("leads to what there is to read", async (stage) => {
  const { page, server } = stage;
  const links = () =>
    page.evaluate(`[...document.querySelectorAll("a")].map((a) => a.href)`);
  const inChinese = await links() as string[];
  await page.click("#language");
  const inEnglish = await links() as string[];
  assert(inChinese[0]!.endsWith("/README.zh-CN.md"));
  assert(inEnglish[0]!.endsWith("/README.md"));
  // All of it is on this server: it is true offline, and before any release.
  for (const url of new Set([...inChinese, ...inEnglish])) {
    assert(url.startsWith(server.url), url);
    const response = await fetch(url);
    assertEquals(response.status, 200, url);
    const [type, begins] = url.endsWith(".js")
      ? [/javascript/, /^\/[/*]/]
      : [/^text\/plain/, /^# /];
    assertMatch(response.headers.get("content-type")!, type);
    assertMatch(await response.text(), begins);
  }
  for (const path of ["/deno.json", "/docs/page.png", "/docs/..%2fx.md"]) {
    const response = await fetch(server.url + path);
    assertEquals(response.status, 404);
    await response.body?.cancel();
  }
});

browserTest(
  "tells what was mended, and what was not checked",
  async (stage) => {
    const { page, phase, text } = stage;
    await page.click("input[value=custom]");
    const schema = {
      type: "object",
      properties: { a: { type: "string", pattern: "x" } },
    };
    await setValue(stage, "#schema", JSON.stringify(schema));
    const call = await ask(stage);
    call.say('{"a":"b",}');
    call.end();
    await phase("complete");
    await page.waitForSelector("#notice.quiet:not([hidden])");
    assertEquals(await text("#notice-title"), zh.unchecked);
    assertEquals(
      await text("#notice-text"),
      zh.uncheckedWhat("pattern") + zh.mendedWhat(zh.slips["comma"]!),
    );
    await page.click("#language");
    assertEquals(
      await text("#notice-text"),
      "Not checked: pattern. Mended: a comma too many.",
    );
  },
);

browserTest("shows where an answer was cut", async (stage) => {
  const { page, phase } = stage;
  await page.click("input[value=recipe]");
  for (
    const [text, place] of [
      ['{"title":"番', "title"],
      ['{"title":"番茄","minutes":1', "minutes"],
      ['{"title":"番茄","ingredients":[{"name":"蛋","am', "ingredients"],
      ['{"title":"番茄","steps":["打蛋"', "steps"],
      ['{"title":"番茄",', "title"],
    ] as const
  ) {
    const call = await ask(stage);
    call.say(text);
    call.end("length");
    await phase("truncated");
    await page.waitForSelector("#start:not([hidden])");
    assertEquals(
      await page.evaluate(`[...document.querySelectorAll(".cut-mark")].map(
        (mark) => mark.closest("dd")?.parentElement
          .querySelector(".key").textContent)`),
      [place],
    );
    assertEquals(
      await page.evaluate(`[...document.querySelectorAll(".cut > dt > .name")]
        .map((name) => getComputedStyle(name, "::after").content)
        .filter((content) => content !== "none")`),
      [],
    );
  }
});

browserTest("says that what it copies is not finished", async (stage) => {
  const { page, phase, text } = stage;
  let call = await ask(stage);
  call.say('{"title":"雨');
  call.end("length");
  await phase("truncated");
  await page.waitForSelector("#copy:not([disabled])");
  assertEquals(await text("#copy"), zh.copyPart);
  await page.click("#language");
  assertEquals(await text("#copy"), messages.en.copyPart);
  await page.click("#language");
  call = await ask(stage);
  assertEquals(await text("#copy"), zh.copy);
  call.say('{"title":"雨"}');
  call.end();
  await phase("complete");
  await page.waitForSelector("#copy:not([disabled])");
  assertEquals(await text("#copy"), zh.copy);
});

browserTest(
  "tells the tokens, and compares nothing before a word",
  async (stage) => {
    const { page, phase, text } = stage;
    const call = await ask(stage);
    call.say('{"title":"');
    await phase("writing");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assertEquals(await text("#n-first"), "–");
    assertEquals(
      await page.evaluate(`[...document.querySelectorAll(".bar-track i")]
      .map(({ style }) => style.transform)`),
      ["scaleX(0)", "scaleX(0)", "scaleX(0)"],
    );
    assert(await page.$("#tokens[hidden]"));
    call.say('雨"}');
    call.send({
      type: "usage",
      usage: { prompt_tokens: 96, completion_tokens: 1412 },
    });
    call.end();
    await phase("complete");
    await stage.shows("#n-tokens", "96 + 1,412");
    await page.waitForSelector("#tokens:not([hidden])");
  },
);

browserTest("does not count the reader's own cut as waiting", async (stage) => {
  const { page, phase, text } = stage;
  const call = await ask(stage);
  call.say('{"title":"雨');
  await stage.shows(".headline .value", "雨");
  await page.click("#cut");
  await phase("reconnecting");
  call.say('"}');
  call.end();
  await phase("complete");
  await page.waitForSelector("#copy:not([disabled])");
  // The pause before the next connection is a second at least; it may begin a
  // little before the page hears of it.
  const told = Number((await text("#time-whole")).split(" ")[0]);
  const gap = await page.evaluate(`(() => {
    const { spans, endedAt, startedAt } = JSON.parse(
      sessionStorage.getItem("fieldstream.question")).tally;
    const at = spans.findIndex(({ kind }) => kind === "gap");
    return [spans[at + 1].from - spans[at].from, endedAt - startedAt];
  })()`) as [number, number];
  assert(gap[0] > 900, "there was a gap");
  assert(Math.abs(told * 1_000 - (gap[1] - gap[0])) < 100);
});
