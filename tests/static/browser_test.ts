import { assert, assertEquals, assertMatch } from "@std/assert";
import axe from "axe-core";
import { ModelError, type ModelErrorCode } from "../../lib/models/ask.ts";
import type { ErrorCode } from "../../lib/answers/outcome.ts";
import { messages } from "../../static/messages.js";
import { originalFields, presets } from "../../static/presets.js";
import { cutAfter, startProxy } from "../_proxy.ts";
import { type ModelCall, testConfig } from "../_server.ts";
import {
  ask,
  browserTest,
  focused,
  list,
  setValue,
  type Stage,
  value,
} from "./browser.ts";

const zh = messages.zh;
const article = {
  title: "科技发展新趋势",
  summary: "随着时代的前进，人工智能正从实验室走进日常生活。",
};
const articleText = JSON.stringify(article);

browserTest(
  "shows title and summary growing, field by field",
  async (stage) => {
    const { page, text, phase, shows, complaints } = stage;
    assertEquals(await text("#start"), "开始接收流式响应");
    assertEquals(await text("#state-text"), zh.idle);
    const call = await ask(stage);
    await phase("waiting");
    call.say('{"title":"科技');
    await phase("writing");
    await shows(".headline .value", "科技");
    await shows("#state-text", zh.writing("标题"));
    assertEquals(await caretField(stage), "title");
    assertEquals(await text(".lead .value"), "");
    call.say('发展新趋势","summary":"随着');
    await shows(".lead .value", "随着");
    assertEquals(await text(".headline .value"), article.title);
    assert(await page.$(".headline.done"));
    assertEquals(await caretField(stage), "summary");
    await shows("#state-text", zh.writing("摘要"));
    call.say(articleText.slice(articleText.indexOf("时代")));
    call.end();
    await phase("complete");
    assertEquals(await text(".lead .value"), article.summary);
    assertEquals(await caretField(stage), null);
    assertEquals(await text("#state-text"), zh.complete(articleText.length));
    assert((await text("#n-first")).endsWith(" s"));
    assert(Number(await text("#n-events")) >= 4);
    assert((await text("#wire")).includes('"complete":["/title"]'));
    // The last offset that the events tell is the count that is shown.
    await shows("#wire ol:last-child li:last-child .offset", "end");
    assertEquals(
      await text("#wire ol:last-child li:nth-last-child(2) .offset"),
      String(articleText.length),
    );
    // All events are there: nobody need be told how many are shown.
    assert(await page.$("#wire-note[hidden]"));
    assertEquals(complaints, []);
  },
);

browserTest("stops", async (stage) => {
  const { page, phase, server, shows } = stage;
  const call = await ask(stage);
  call.say('{"title":"科技');
  await shows(".headline .value", "科技");
  await page.click("#stop");
  await phase("stopped");
  await page.waitForSelector("#start:not([hidden])");
  assertEquals(await focused(stage), "start");
  await aborted(call);
  assertEquals(server.reports.length, 1);
  assertEquals(await stage.text(".headline .value"), "科技");
});

browserTest("carries on when its connection is cut", async (stage) => {
  const { page, phase, shows, text, model } = stage;
  const call = await ask(stage);
  call.say('{"title":"科技');
  await shows(".headline .value", "科技");
  await page.click("#cut");
  await phase("reconnecting");
  await shows("#wire", zh.wireCut);
  call.say('发展新趋势","summary":"');
  await shows("#resumed", zh.resumed(12));
  await shows(".headline .value", article.title);
  call.say(articleText.slice(articleText.indexOf("随着")));
  call.end();
  await phase("complete");
  await assertArticle(stage);
  assertEquals(model.calls.length, 1);
  assert((await text("#wire")).includes(zh.wireResumed(12)));
});

browserTest("carries on through a proxy that cuts", async (stage) => {
  const { phase, model, open, server } = stage;
  let connections = 0;
  await using proxy = startProxy(
    server.url,
    // The files come whole.
    () => cutAfter(++connections > 8 && connections < 14 ? 400 : 100_000),
  );
  await open(proxy.url);
  await hurry(stage);
  connections = 8;
  proxy.cut();
  const call = await ask(stage);
  for (const character of articleText) {
    call.say(character);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  call.end();
  await phase("complete");
  await assertArticle(stage);
  assertEquals(model.calls.length, 1);
  assert(connections > 10);
});

browserTest("carries on by hand when it gave up", async (stage) => {
  const { page, phase, shows, text, model, open, server } = stage;
  let isCut = false;
  await using proxy = startProxy(
    server.url,
    () => cutAfter(isCut ? 0 : Infinity),
  );
  await open(proxy.url);
  const call = await ask(stage);
  call.say('{"title":"科技');
  await shows(".headline .value", "科技");
  isCut = true;
  proxy.cut();
  await hurry(stage);
  await phase("error");
  assertEquals(
    await text("#notice-title"),
    zh.errors["connection_lost"]!.title,
  );
  isCut = false;
  assertEquals(await text("#notice-action"), zh.resume);
  await page.click("#notice-action");
  call.say(articleText.slice(articleText.indexOf("发展")));
  call.end();
  await phase("complete");
  await assertArticle(stage);
  assertEquals(model.calls.length, 1);
});

browserTest(
  "carries on after a reload, and starts nothing by it",
  async (stage) => {
    const { page, phase, shows, model, text } = stage;
    const call = await ask(stage);
    call.say('{"title":"科技');
    await shows(".headline .value", "科技");
    const received = await text("#n-received");
    await page.reload();
    await phase("writing");
    await shows(".headline .value", "科技");
    assert(received !== "–" && await text("#n-received") !== "–");
    call.say(articleText.slice(articleText.indexOf("发展")));
    call.end();
    await phase("complete");
    await assertArticle(stage);
    await page.reload();
    await phase("complete");
    await assertArticle(stage);
    assertEquals(await text("#model"), zh.model("scripted"));
    assertEquals(model.calls.length, 1);
  },
);

browserTest(
  "begins anew when a reload finds the answer gone",
  async (stage) => {
    const { page, phase, text, model } = stage;
    await page.evaluate(`sessionStorage.setItem("fieldstream.question",
    JSON.stringify({ id: "abcdefghijklmnopqrstuv", prompt: "旧问题",
      preset: "article" }))`);
    await page.reload();
    await stage.shows("#state-text", zh.idleExpired);
    await phase("idle");
    await page.waitForSelector("#start:not([hidden])");
    assertEquals(await page.$(":is(#notice, #figures):not([hidden])"), null);
    assert(await page.$("#answer .pending"));
    assertEquals(model.calls.length, 0);
    await page.click("#language");
    assertEquals(await text("#state-text"), messages.en.idleExpired);
    await page.click("#language");
    const call = await ask(stage);
    assertEquals(call.question.prompt, "旧问题");
    call.say(articleText);
    call.end();
    await phase("complete");
    assertEquals(await page.$("#notice:not([hidden])"), null);
  },
);

browserTest("waits for the network, and carries on", async (stage) => {
  const { page, phase, shows } = stage;
  const call = await ask(stage);
  call.say('{"title":"科技');
  await shows(".headline .value", "科技");
  await page.setOfflineMode(true);
  await page.click("#cut");
  await phase("offline");
  call.say(articleText.slice(articleText.indexOf("发展")));
  call.end();
  await page.setOfflineMode(false);
  await phase("complete");
  await assertArticle(stage);
  await shows("#resumed", zh.resumed(12));
});

browserTest("shows nested answers by their schema", async (stage) => {
  const { page, phase, text } = stage;
  await page.click("input[value=product]");
  const call = await ask(stage);
  const { schema, prompt } = presets["product"]!.zh;
  assertEquals(call.question.schema, schema!);
  assertEquals(call.question.prompt, prompt);
  call.say(JSON.stringify({
    name: "云雀",
    tagline: "轻",
    price: 899.5,
    in_stock: false,
    description: "介绍",
    highlights: ["一", "二"],
    specs: [{ name: "重量", value: "4.8 克" }, { name: "蓝牙", value: "5.4" }],
    tags: ["降噪"],
  }));
  call.end();
  await phase("complete");
  assertEquals(await text(".headline .value"), "云雀");
  assertEquals(await list(stage, "td"), ["重量", "4.8 克", "蓝牙", "5.4"]);
  assertEquals(await list(stage, "th"), ["项", "值"]);
  // Each cell stands below its head.
  assertEquals(
    await page.evaluate(`[...document.querySelectorAll("td")].map((cell) =>
      cell.offsetLeft - document.querySelectorAll("th")[cell.cellIndex]
        .offsetLeft)`),
    [0, 0, 0, 0],
  );
  assertEquals(await list(stage, ".list > li"), ["一", "二"]);
  assertEquals(await list(stage, ".chips > li"), ["降噪"]);
  assertEquals(await list(stage, ".atom"), ["899.5", zh.no]);
  assertEquals(await page.$(".pending"), null);
});

browserTest("shows answers of any shape", async (stage) => {
  const { page, phase, text } = stage;
  const schema = { type: "array", items: { type: "object" } };
  await page.click("input[value=custom]");
  await setValue(stage, "#schema", JSON.stringify(schema));
  const call = await ask(stage);
  assertEquals(call.question.schema, schema);
  const answer = [
    { a: { b: [1, null, { "__proto__": "p" }] }, "": [[], {}, [["x"]]] },
    "text",
    true,
  ];
  call.say(JSON.stringify(answer).replace("{}", '{"__proto__":"q"}'));
  call.end();
  await phase("complete");
  assertEquals(
    await list(stage, "#answer .atom, #answer .text"),
    ["1", zh.nothing, "q", "x", "text", zh.yes],
  );
  assertEquals((await text("#answer")).includes("__proto__"), true);
});

browserTest("takes back what a duplicate key replaces", async (stage) => {
  const call = await ask(stage);
  call.say('{"title":"first","summary":"a","title":"se');
  await stage.shows(".headline .value", "se");
  call.say('cond","x":{"y":"1"},"x":["2"]}');
  call.end();
  await stage.phase("complete");
  assertEquals(await list(stage, "#answer .text"), ["second", "a", "2"]);
});

browserTest(
  "refuses a schema that is not JSON, and says why",
  async (stage) => {
    const { page, model, text } = stage;
    await page.click("input[value=recipe]");
    await setValue(stage, "#schema", '{"type": "obj');
    await page.click("#start");
    assert((await text("#schema-error")).startsWith(zh.schemaWrong));
    assertEquals(await focused(stage), "schema");
    assertEquals(model.calls.length, 0);
    await setValue(stage, "#schema", "");
    assertEquals(await text("#schema-error"), "");
  },
);

browserTest("shows the thinking apart from the answer", async (stage) => {
  const { page, phase, text, shows } = stage;
  const call = await ask(stage);
  call.send({ type: "reasoning", text: "先想<b>一想</b>" });
  await phase("thinking");
  await page.waitForSelector("#thoughts:not([hidden]):not([open])");
  call.say('{"title":"想好了');
  await phase("writing");
  await shows(".headline .value", "想好了");
  await page.click("#thoughts summary");
  assertEquals(await text("#thoughts-text"), "先想<b>一想</b>");
  call.say('","summary":""}');
  call.end();
  await phase("complete");
});

browserTest("marks what the schema does not want", async (stage) => {
  const { page, phase, text } = stage;
  await page.click("input[value=recipe]");
  let call = await ask(stage);
  const answer = {
    title: "番茄炒蛋",
    summary: "酸甜",
    minutes: 10.5,
    servings: 2,
    ingredients: [{ name: "蛋", amount: 3 }],
    steps: [],
    tip: "",
  };
  call.say(JSON.stringify(answer));
  call.end();
  await phase("complete");
  assertEquals(await text("#state-text"), zh.completeInvalid);
  assertEquals(await list(stage, "#answer > dl > .wrong > dt > .name"), [
    "分钟",
    "用料",
  ]);
  assertEquals(await list(stage, "#notice-reasons code"), [
    "/minutes",
    "/ingredients/0/amount",
  ]);
  assertEquals(await text("#notice-title"), zh.invalid.title);
  const drawn = `[...document.querySelectorAll("#answer .name")].map((name) =>
    getComputedStyle(name, "::after").content !== "none").join()`;
  assertEquals(
    await page.evaluate(drawn),
    "true,true,false,true,false,true,true",
  );
  const seal = `getComputedStyle(document.querySelector(".seal")).opacity`;
  assertEquals(await page.evaluate(seal), "0");

  call = await ask(stage);
  assertEquals(await page.$("#notice:not([hidden])"), null);
  call.say(JSON.stringify({
    ...answer,
    minutes: 10,
    ingredients: [{ name: "蛋", amount: "3" }],
  }));
  call.end();
  await phase("complete");
  await page.waitForFunction(`${seal} === "1"`);
  assertEquals(await page.$(".wrong"), null);
});

browserTest("goes on while the browser translates it", async (stage) => {
  const { page, phase, shows, text } = stage;
  // As browsers do: each text is replaced, but where the page says not to.
  const translate = (heedful: boolean) =>
    `{
    globalThis.translator?.disconnect();
    globalThis.translator = new MutationObserver(() => {
      const walk = document.createTreeWalker(document.querySelector("#answer"),
        NodeFilter.SHOW_TEXT);
      for (let node; node = walk.nextNode();) {
        const parent = node.parentElement;
        if (parent.localName === "font" || !node.data.trim()) continue;
        if (${heedful} && parent.closest("[translate=no]")) continue;
        const font = document.createElement("font");
        font.textContent = node.data;
        node.replaceWith(font);
        walk.currentNode = font;
      }
    });
    translator.observe(document.querySelector("#answer"), {
      childList: true, characterData: true, subtree: true, attributes: true });
  }`;
  for (const heedful of [false, true]) {
    await page.evaluate(translate(heedful));
    const call = await ask(stage);
    for (let at = 0; at < articleText.length; at += 7) {
      call.say(articleText.slice(at, at + 7));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await shows(".lead .value", article.summary.slice(-9));
    if (heedful) assertEquals(await page.$("#answer font .block"), null);
    call.end();
    await phase("complete");
    await assertArticle(stage);
    await page.waitForSelector(".lead font");
  }
  assertEquals(await text(".headline .value"), article.title);
});

for (const what of ["blocked", "full"]) {
  browserTest(`works with storage that is ${what}`, async (stage) => {
    const { page, phase, complaints } = stage;
    await page.evaluateOnNewDocument(
      what === "full"
        ? `Storage.prototype.setItem = () => {
          throw new DOMException("", "QuotaExceededError") }`
        : `for (const name of ["localStorage", "sessionStorage"]) {
          Object.defineProperty(globalThis, name, { get() {
            throw new DOMException("", "SecurityError") } }) }`,
    );
    await page.reload();
    const call = await ask(stage);
    call.say(articleText);
    call.end();
    await phase("complete");
    await assertArticle(stage);
    await page.click("#language");
    assertEquals(await stage.text("#start"), messages.en.start);
    assertEquals(complaints, []);
  });
}

browserTest("brings an error into sight on a phone", async (stage) => {
  const { page, phase, text } = stage;
  const schema = { type: "object", patternProperties: {} };
  await page.click("input[value=custom]");
  await setValue(stage, "#schema", JSON.stringify(schema));
  for (let times = 0; times < 2; times++) {
    await page.evaluate("scrollTo(0, 0)");
    await page.click("#start");
    await phase("error");
    await page.waitForFunction(`(({ top, bottom }) =>
      top >= 0 && bottom <= innerHeight
    )(document.querySelector("#notice").getBoundingClientRect())`);
    const { title } = zh.errors["bad_request"]!;
    assertEquals(await text("#state-text"), title);
  }
  assertEquals(stage.model.calls.length, 0);
}, { width: 360, height: 640 });

browserTest("says that the model is silent", async (stage) => {
  const { phase, shows, text } = stage;
  const call = await ask(stage);
  call.say('{"title":"科技');
  await shows(".headline .value", "科技");
  await phase("silent");
  assertMatch(await text("#state-text"), /模型沉默 \d+ 秒/);
  call.say('"}');
  await phase("writing");
  call.end();
  await phase("complete");
});

browserTest("says what became of a server that is gone", async (stage) => {
  const { page, phase, shows, open, server, text, model } = stage;
  let isDown = false;
  await using proxy = startProxy(
    server.url,
    () => cutAfter(isDown ? 0 : Infinity),
  );
  await open(proxy.url);
  isDown = true;
  proxy.cut();
  const next = model.nextCall(); // what is asked may get through
  await page.click("#start");
  await phase("reconnecting");
  await shows("#state-text", zh.unanswered("").split("，")[0]!);
  isDown = false;
  await hurry(stage);
  const call = await next;
  call.say('{"title":"科技');
  await shows(".headline .value", "科技");
  await page.setRequestInterception(true);
  page.on(
    "request",
    (request) =>
      request.url().includes("/helloworld")
        ? request.respond({
          status: 410,
          contentType: "application/json",
          body: '{"status":"error","code":"expired","message":"x"}',
        })
        : request.continue(),
  );
  proxy.cut();
  await phase("error");
  const { title, advice } = zh.midway["expired"]!;
  assertEquals(await text("#notice-title"), title);
  assertEquals(await text("#notice-text"), advice + zh.kept);
});

browserTest("pays once when a proxy fails", async (stage) => {
  const { page, phase, shows, model } = stage;
  const call = await ask(stage);
  call.say('{"title":"科技');
  await shows(".headline .value", "科技");
  let isBroken = true;
  await page.setRequestInterception(true);
  page.on(
    "request",
    (request) =>
      isBroken && request.url().includes("/helloworld")
        ? request.respond({ status: 500, body: "<h1>Oops</h1>" })
        : request.continue(),
  );
  await hurry(stage);
  await page.click("#cut");
  await phase("error");
  assertEquals(await stage.text("#notice-action"), zh.resume);
  isBroken = false;
  await page.click("#notice-action");
  call.say(articleText.slice(articleText.indexOf("发展")));
  call.end();
  await phase("complete");
  await assertArticle(stage);
  assertEquals(model.calls.length, 1);
});

/** How a model brings each error about. */
const failures = [
  ["upstream_auth", "error", fails],
  ["upstream_rejected", "error", fails],
  ["upstream_rate_limited", "error", fails],
  ["upstream_unavailable", "error", fails],
  ["upstream_timeout", "error", fails],
  ["internal", "error", (call) => call.fail(new Error("a fault"))],
  ["no_json", "error", (call) => {
    call.say("Sorry");
    call.end();
  }],
  ["malformed_json", "error", (call) => {
    call.say('{"title":"科技" oops');
    call.end();
  }],
  ["truncated", "truncated", (call) => {
    call.say('{"title":"科');
    call.end("length");
  }],
  ["refused", "refused", (call) => {
    call.send({ type: "refusal", text: "恕难从命" });
    call.end();
  }],
  ["content_filtered", "error", (call) => {
    call.say('{"title":"科');
    call.end("content_filter");
  }],
  ["output_too_large", "error", (call) => {
    call.say('{"title":"' + "长".repeat(600));
  }],
] satisfies [
  ErrorCode,
  string,
  (call: ModelCall, code: ErrorCode) => void,
][];

browserTest("says what to do after each error", async (stage) => {
  const { page, text } = stage;
  for (const [code, phase, act] of failures) {
    const call = await ask(stage);
    act(call, code);
    await stage.phase(phase);
    await page.waitForSelector("#start:not([hidden])");
    assertEquals(await page.$("#answer .pending"), null);
    // Where nothing came there are no figures, and no place for an answer.
    const came = !/no_json|refused|internal|large/.test(code);
    assertEquals(
      [code, await page.$("#figures[hidden]") === null],
      [code, came],
    );
    assertEquals(await page.$("#answer:empty") === null, came);
    const words = (came && zh.midway[code]) || zh.errors[code]!;
    await stage.shows("#notice-title", words.title);
    const advice = words.advice + (came ? zh.kept : "");
    assertEquals(await text("#notice-text"), advice);
    assertEquals(await text("#state-text"), words.title);
    assertEquals(await text("#live"), `${words.title} ${advice}`);
    await page.waitForSelector("#start:not([hidden])");
    if (code === "truncated") {
      assertEquals(await text(".headline.cut .value"), `科${zh.cutAt}`);
    }
    const said = await page.$("#notice-words:not([hidden])");
    assertEquals(said !== null, code === "refused");
    if (said) assertEquals(await text("#notice-words"), "恕难从命");
    // Its words are the reader's language, whatever the server's.
    await page.click("#language");
    const { midway, errors } = messages.en;
    const inEnglish = (came && midway[code]) || errors[code]!;
    assertEquals(await text("#notice-title"), inEnglish.title);
    await page.click("#language");
    const action = await page.$("#notice-action:not([hidden])");
    const retryable = !/auth|rejected|refused|filtered|large/.test(code);
    assertEquals([code, action !== null], [code, retryable]);
    if (!action) continue;
    const next = stage.model.nextCall();
    await action.click();
    const again = await next;
    again.say(articleText);
    again.end();
    await stage.phase("complete");
  }
}, { config: { limits: { outputCharacters: 500 } } });

function fails(call: ModelCall, code: ErrorCode): void {
  call.say('{"title":"科');
  // Whichever fault the model is made to have, the page must have words for it.
  call.fail(new ModelError(code as ModelErrorCode, "secret"));
}

browserTest("says so when the server refuses a request", async (stage) => {
  const { page, phase, text, shows } = stage;
  let answer = { status: 400, code: "bad_request", headers: {} };
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (!request.url().includes("/helloworld")) return request.continue();
    const { status, code, headers } = answer;
    return request.respond({
      status,
      headers,
      contentType: "application/json",
      body: JSON.stringify({ status: "error", code, message: "<b>x</b>" }),
    });
  });
  // What may pass is tried again before it is believed.
  await hurry(stage);
  for (
    const [status, code] of [
      [400, "bad_request"],
      [403, "forbidden"],
      [404, "not_found"],
      [405, "method_not_allowed"],
      [410, "expired"],
      [413, "too_large"],
      [415, "unsupported_media_type"],
      [429, "too_many_streams"],
      [503, "overloaded"],
      [503, "draining"],
      [200, "bad_response"],
    ] as const
  ) {
    answer = { status, code, headers: {} };
    await page.click("#start");
    await shows("#notice:not([hidden])", zh.errors[code]!.title);
    await phase("error");
    assertEquals(await text("#notice-text"), zh.errors[code]!.advice);
    await page.waitForSelector("#start:not([hidden])");
    assertEquals(await page.$("#answer .pending"), null);
    assert(await page.$("#figures[hidden]"));
    const words = await page.$("#notice-words:not([hidden])");
    assertEquals([code, words !== null], [code, code === "bad_request"]);
    if (words) assertEquals(await text("#notice-words"), "<b>x</b>");
  }
  // How long is left is right when it is said first, however late it is read.
  await page.evaluate(`globalThis.said = []; new MutationObserver(() => {
    const text = document.querySelector("#state-text").textContent;
    if (text.includes("秒")) said.push(text);
  }).observe(document.querySelector("#state-text"), { childList: true })`);
  const firstSaid = () => page.evaluate("said.splice(0)[0]");
  const tooMany = "too_many_streams";
  answer = { status: 429, code: tooMany, headers: { "Retry-After": "20" } };
  await page.click("#start");
  await phase("reconnecting");
  assertMatch(
    String(await firstSaid()),
    /^一分钟内的回答太多，2[01] 秒后再试/,
  );
  await shows("#wire", zh.wireBusy);
  assertEquals((await text("#wire")).includes(zh.wireCut), false);
  await page.click("#stop");
  await phase("stopped");
  answer = { status: 503, code: "overloaded", headers: { "Retry-After": "9" } };
  await firstSaid();
  await page.click("#start");
  await phase("reconnecting");
  assertMatch(String(await firstSaid()), /服务器正忙，(9|10)/);
  await page.click("#stop");
  await phase("stopped");
});

browserTest("asks for the token, and carries on with it", async (stage) => {
  const { page, phase, shows, text, model } = stage;
  await page.click("#start");
  await phase("error");
  assertEquals(await text("#notice-title"), zh.errors["unauthorized"]!.title);
  await page.waitForSelector("#start:not([hidden])");
  assertEquals(await focused(stage), "token");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await shows("#notice-text", zh.tokenWrong);
  await shows("#live", zh.tokenWrong);
  // What is typed now replaces it.
  const next = model.nextCall();
  await page.keyboard.type("right");
  await page.keyboard.press("Enter");
  const call = await next;
  call.say(articleText);
  call.end();
  await phase("complete");
  await assertArticle(stage);
  await page.reload();
  await phase("complete");
  await assertArticle(stage);
  assertEquals(model.calls.length, 1);
}, { config: { accessTokens: ["right"] } });

browserTest("is used by keyboard alone", async (stage) => {
  const { page, phase, model } = stage;
  const order: string[] = [];
  for (let i = 0; i < 13; i++) {
    await page.keyboard.press("Tab");
    order.push(await focused(stage));
    const outline = await page.evaluate(`(() => {
      const element = document.activeElement;
      const shown = element.closest(".prompt") && element.id === "prompt"
        ? element.closest(".prompt")
        : element.type === "radio" ? element.nextElementSibling : element;
      const { outlineStyle, borderColor } = getComputedStyle(shown);
      return outlineStyle !== "none" || borderColor;
    })()`);
    assert(outline);
  }
  assertEquals(order, [
    "readme",
    "a",
    "a",
    "language",
    "prompt",
    "start",
    "preset",
    "summary",
    "use-open",
    "choice",
    "choice",
    "wire-scroll",
    "body",
  ]);
  await page.focus("input[value=article]");
  await page.keyboard.press("ArrowRight");
  assertEquals(
    await page.evaluate(`document.querySelector("#prompt").value`),
    presets["product"]!.zh.prompt,
  );
  await page.keyboard.press("ArrowLeft");
  await page.focus("#prompt");
  // The Enter that ends the choice of a word asks nothing, in Safari neither.
  for (const how of ["isComposing: true", "keyCode: 229"]) {
    await page.evaluate(`document.querySelector("#prompt").dispatchEvent(
      new KeyboardEvent("keydown", { key: "Enter", ${how},
        bubbles: true, cancelable: true }))`);
  }
  assertEquals(model.calls.length, 0);
  const next = model.nextCall();
  await page.keyboard.press("Enter");
  const call = await next;
  call.say('{"title":"科技');
  await phase("writing");
  await page.keyboard.press("Tab");
  assertEquals(await focused(stage), "stop");
  await page.keyboard.press("Enter");
  await phase("stopped");
  assertEquals(await focused(stage), "start");
});

browserTest(
  "opens and closes by keyboard what there is beside",
  async (stage) => {
    const { page, phase, model, text } = stage;
    /** Goes on to what has this id, class or name, as far as it may be. */
    const goTo = async (name: string) => {
      for (let steps = 0; await focused(stage) !== name; steps++) {
        assert(steps < 30, `no way to ${name}`);
        await page.keyboard.press("Tab");
      }
    };
    await page.waitForSelector("#misbehave:not([hidden])");
    await goTo("preset");
    for (const id of ["schema-editor", "misbehave"]) {
      do await page.keyboard.press("Tab"); while (
        await page.evaluate(`document.activeElement.parentElement.id`) !== id
      );
      await page.keyboard.press("Enter");
      assert(await page.$(`#${id}[open]`), id);
    }
    // The first of the faults is asked for.
    await page.keyboard.press("Tab");
    const next = model.nextCall();
    await page.keyboard.press("Enter");
    const call = await next;
    assert(call.question.prompt?.startsWith("demo:"));
    call.say('{"title":"雨","summary":"夜"}');
    call.end();
    await phase("complete");
    await page.waitForSelector("#compare-open:not([hidden])");
    // A dialog keeps the focus, and gives it back.
    await goTo("use-open");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#use[open]");
    await goTo("choice");
    await page.keyboard.press("Enter");
    assert((await text("#use-code")).startsWith("curl"));
    await goTo("use-close");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#use:not([open])");
    assertEquals(await focused(stage), "use-open");
    await goTo("compare-open");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#compare:not([hidden])");
    await goTo("replay");
    // The second of two.
    await page.evaluate(`document.querySelector("#copy").focus()`);
    await goTo("choice");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await stage.shows("#json", '"夜"');
  },
  { config: { model: { ...testConfig().model, model: "demo" } } },
);

browserTest("announces states, not tokens", async (stage) => {
  const { page, phase } = stage;
  await page.evaluate(`
    window.said = [];
    new MutationObserver(() => said.push(document.querySelector("#live")
      .textContent)).observe(document.querySelector("#live"),
      { childList: true, characterData: true, subtree: true });
  `);
  const call = await ask(stage);
  for (const character of articleText) {
    call.say(character);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  call.end();
  await phase("complete");
  assertEquals(await page.evaluate("said"), [
    zh.connecting,
    zh.waiting,
    zh.writingAnswer,
    zh.complete(articleText.length),
  ]);
});

browserTest("shows markup from a model as text", async (stage) => {
  const { page, phase, text, complaints } = stage;
  const hostile = {
    title:
      `<script>document.title="owned"</script><img src=x onerror=alert(1)>`,
    summary: `\ndata: {"status":"end"}\n\nid: x\n\n</script><b>\u2028\u2029` +
      `\u202e<a href="javascript:alert(1)">x</a>{{x}}\u0000&lt;`,
    "<img src=y onerror=alert(2)>": ["<svg onload=alert(3)>"],
    __proto: { constructor: "x", innerHTML: "<b>" },
  };
  const call = await ask(stage);
  call.send({ type: "reasoning", text: "<img src=z onerror=alert(4)>" });
  call.say(JSON.stringify(hostile));
  call.end();
  await phase("complete");
  assertEquals(await text(".headline .value"), hostile.title);
  assertEquals(await text(".lead .value"), hostile.summary);
  const inserted =
    "#answer :is(script, img, b, a, svg), #wire :is(script, img)";
  assertEquals(await page.$(inserted), null);
  assertEquals(await page.title(), "fieldstream");
  assertEquals(complaints, []);
});

browserTest(
  "stays small with a long answer, and loses none of it",
  async (stage) => {
    const { page, phase, text } = stage;
    const summary = "The quick brown fox. 敏捷的狐狸。\n\n😀 ".repeat(2_000) +
      "无标点".repeat(5_000);
    const answer = JSON.stringify({ title: "Long", summary });
    const call = await ask(stage);
    for (let at = 0; at < answer.length;) {
      const end = at + 40;
      call.say(answer.slice(at, end));
      at = end;
      if (at % 400 === 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    call.end();
    await phase("complete");
    assert(await text(".lead .value") === summary);
    assert(
      Number(await page.evaluate(`wire.querySelectorAll("li").length`)) <= 300,
    );
    assertEquals(
      await page.$("#wire-note:not([hidden])") !== null,
      Number((await text("#n-events")).replace(",", "")) > 300,
    );
    assertEquals(
      await page.evaluate(`[...document.querySelectorAll(".block")]
      .every((block) => block.textContent.length < 8_000)`),
      true,
    );
  },
);

browserTest(
  "speaks English to those who do not read Chinese",
  async (stage) => {
    const { page, text, phase } = stage;
    const en = messages.en;
    assertEquals(await text("#start"), en.start);
    assertEquals(await page.evaluate("document.documentElement.lang"), "en");
    const call = await ask(stage);
    assertEquals(call.question.prompt, presets["article"]!.en.prompt);
    call.say(articleText);
    call.end();
    await phase("complete");
    assertEquals(await text("#state-text"), en.complete(articleText.length));
    assertEquals(await page.evaluate("answer.lang"), "zh-CN");
    await page.click("#language");
    assertEquals(await text("#state-text"), zh.complete(articleText.length));
    assertEquals(await text("#language"), "English");
    await page.reload();
    assertEquals(await text("#start"), zh.start);
  },
  { language: "fr-FR" },
);

browserTest("keeps an answer when its language changes", async (stage) => {
  const { page, phase, shows, text, model } = stage;
  const en = messages.en;
  await page.click("input[value=product]");
  let call = await ask(stage);
  call.say(JSON.stringify({
    name: "云雀",
    in_stock: true,
    specs: [{ name: "重量", value: "4.8 克" }],
  }));
  call.end();
  await phase("complete");
  await page.click("#language");
  assertEquals(await text(".headline .value"), "云雀");
  assertEquals(
    await list(stage, "#answer > .fields > .field > .label .name"),
    ["Name", "In stock", "Specs"],
  );
  assertEquals(await list(stage, "th"), ["Item", "Value"]);
  assertEquals(await list(stage, ".atom"), [en.yes]);
  assertEquals(await text("#cut"), en.cut);
  assertEquals(await text("#model"), en.model("scripted"));
  assert(await page.$("#copy:not([disabled])"));
  const { prompt, schema } = presets["product"]!.en;
  // The next question is in the new language.
  call = await ask(stage);
  assertEquals([call.question.prompt, call.question.schema], [prompt, schema]);
  call.say('{"name":"Lark');
  await shows(".headline .value", "Lark");
  await setValue(stage, "#prompt", "My own");
  await page.click("#language");
  await shows("#state-text", zh.writing("名称"));
  assertEquals(await value(stage, "#prompt"), "My own");
  call.say('"}');
  call.end();
  await phase("complete");
  assertEquals(model.calls.length, 2);
});

browserTest("begins anew with another preset", async (stage) => {
  const { page, phase, text } = stage;
  const call = await ask(stage);
  call.send({ type: "reasoning", text: "hm" });
  call.say(articleText);
  call.end();
  await phase("complete");
  await page.click("input[value=quiz]");
  await phase("idle");
  assertEquals(await text("#state-text"), zh.idle);
  assertEquals(await list(stage, "#answer .text"), []);
  assert(await page.$("#answer .pending"));
  assertEquals(await text("#model"), "");
  assertEquals(
    await page.$(":is(#figures, #thoughts, #resumed):not([hidden])"),
    null,
  );
  assertEquals(await page.$("#copy:not([disabled]), #wire li"), null);
  await page.reload();
  await phase("idle");
});

browserTest("tells the same figures after each reload", async (stage) => {
  const { page, phase } = stage;
  const call = await ask(stage);
  call.say(articleText.slice(0, 20));
  await phase("writing");
  await new Promise((resolve) => setTimeout(resolve, 300));
  call.say(articleText.slice(20));
  call.end();
  await phase("complete");
  const figures = () =>
    list(stage, "#figures dd, .time-labels span, .bar-size, .timeline");
  const told = await figures();
  for (let times = 0; times < 2; times++) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    await page.reload();
    await phase("complete");
    await page.waitForSelector("#copy:not([disabled])");
    assertEquals(await figures(), told);
  }
});

browserTest("opens the schema editor for one of one's own", async (stage) => {
  const { page } = stage;
  await page.click("input[value=custom]");
  assert(await page.$("#schema-editor[open]"));
  assertEquals(
    JSON.parse(String(await value(stage, "#schema"))),
    originalFields.zh,
  );
  await page.click("input[value=recipe]");
  assertEquals(await page.$("#schema-editor[open]"), null);
  await page.click("input[value=custom]");
  assert(await page.$("#schema-editor[open]"));
  assertEquals(
    JSON.parse(String(await value(stage, "#schema"))),
    presets["recipe"]!.zh.schema,
  );
  await page.click("input[value=article]");
  assertEquals(await page.$("#schema-editor[open]"), null);
  assertEquals(await value(stage, "#schema"), "");
});

browserTest("keeps what stops and cuts in view", async (stage) => {
  const { page, phase } = stage;
  assertEquals(await page.$(":is(#cut, #stop-here):not([hidden])"), null);
  const call = await ask(stage);
  call.say(`{"title":"长","summary":"${"很长的回答。\\n".repeat(80)}`);
  await page.waitForFunction("scrollY > 300");
  await page.waitForSelector("#stop-here:not([hidden])");
  for (const id of ["cut", "stop-here"]) {
    const inView = await page.evaluate(`(() => {
      const { top, bottom } = document.getElementById("${id}")
        .getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    })()`);
    assertEquals([id, inView], [id, true]);
  }
  await page.click("#cut");
  await page.waitForSelector("#resumed:not([hidden])");
  const scrolled = await page.evaluate("scrollY");
  await page.click("#stop-here");
  await phase("stopped");
  await page.waitForSelector("#start:not([hidden])");
  assertEquals(await focused(stage), "start");
  assertEquals(await page.evaluate("scrollY"), scrolled);
  assertEquals(await page.$(":is(#cut, #stop-here):not([hidden])"), null);
});

browserTest("does not move when its state changes", async (stage) => {
  const { page, phase, shows } = stage;
  const top = () =>
    page.evaluate("answer.getBoundingClientRect().top + scrollY");
  const expected = await top();
  const call = await ask(stage);
  call.say('{"title":"科技');
  await phase("writing");
  assertEquals(await top(), expected);
  await page.click("#cut");
  await phase("reconnecting");
  assertEquals(await top(), expected);
  await shows("#resumed", zh.resumed(12));
  await shows("#state-text", zh.connected);
  assertEquals(await top(), expected);
  call.say('"}');
  call.end();
  await phase("complete");
  assertEquals(await top(), expected);
});

browserTest("shows a prompt whole on a phone", async (stage) => {
  const { page } = stage;
  for (const preset of ["product", "article", "quiz"]) {
    await page.click(`input[value=${preset}]`);
    const hidden = `(({ scrollHeight, clientHeight }) =>
      scrollHeight - clientHeight)(document.querySelector("#prompt"))`;
    assertEquals([preset, await page.evaluate(hidden)], [preset, 0]);
  }
}, { language: "en-US", width: 320, height: 640 });

browserTest("takes away fields that never come", async (stage) => {
  const { page, phase, shows } = stage;
  const names = () => list(stage, "#answer > .fields > .field > .label .name");
  let call = await ask(stage);
  assertEquals(await names(), ["标题", "摘要"]);
  call.say('{"caption":"雨');
  await shows(".text", "雨");
  assertEquals(await names(), ["caption"]);
  call.say('","title":"夜"}');
  call.end();
  await phase("complete");
  assertEquals(await names(), ["caption", "标题"]);

  await page.click("input[value=product]");
  call = await ask(stage);
  call.say('{"name":"云雀","specs":[{"name":"重量"}],"x":1');
  await shows(".headline .value", "云雀");
  assertEquals((await names() as string[]).length, 8);
  call.say("}");
  call.end();
  await phase("complete");
  assertEquals(await names(), ["名称", "规格", "x"]);
  assertEquals(await page.$(".pending"), null);
  assertEquals(await list(stage, "td"), ["重量", ""]);
});

browserTest("copies a finished answer as JSON", async (stage) => {
  const { page, phase, shows, server } = stage;
  await page.browserContext().overridePermissions(server.url, [
    "clipboard-read",
    "clipboard-write",
  ]);
  assertEquals(await page.$("#copy:not([disabled])"), null);
  const call = await ask(stage);
  call.say(articleText);
  call.end();
  await phase("complete");
  await page.click("#copy:not([disabled])");
  await shows("#copy", zh.copied);
  const copied = String(await page.evaluate("navigator.clipboard.readText()"));
  assertEquals(JSON.parse(copied), article);
});

browserTest("fits a small phone", async (stage) => {
  const { page, phase } = stage;
  for (const preset of ["article", "product", "recipe", "quiz"]) {
    await page.click(`input[value=${preset}]`);
    const call = await ask(stage);
    call.say(JSON.stringify({
      title: "一个很长很长很长很长很长很长的标题 " + "W".repeat(60),
      name: "A",
      specs: [{ name: "x".repeat(50), value: "y".repeat(50) }],
      ["k".repeat(80)]: { ["l".repeat(80)]: "m".repeat(80) },
    }));
    call.end();
    await phase("complete");
    const overflow = "document.documentElement.scrollWidth - innerWidth";
    assertEquals(await page.evaluate(overflow), 0);
  }
}, { width: 360, height: 740 });

/** Any two of language, colours and width come together in one of these. */
const LOOKS = [
  { language: "zh-CN", dark: false, width: 1440 },
  { language: "en", dark: true, width: 1440 },
  { language: "en", dark: false, width: 320 },
  { language: "zh-CN", dark: true, width: 320 },
];

browserTest("is accessible in every state", async (stage) => {
  const { page, phase, shows } = stage;
  await page.evaluate(axe.source);
  await assertAccessible(stage, "empty");
  await page.click("#schema-editor summary");
  await page.click("input[value=custom]");
  await page.click("#misbehave summary");
  await assertAccessible(stage, "misbehave open");
  await page.click("input[value=recipe]");
  await page.click("#misbehave summary");
  let call = await ask(stage);
  call.send({ type: "reasoning", text: "想一想" });
  call.say('{"title":"番茄炒蛋","minutes":10,"ingredients":[{"name":"蛋"');
  await shows("td", "蛋");
  await page.click("#thoughts summary");
  await assertAccessible(stage, "running");
  await page.click("#cut");
  await phase("reconnecting");
  await assertAccessible(stage, "cut");
  call.say(',"amount":"3');
  call.end("length");
  await phase("truncated");
  await assertAccessible(stage, "failed");
  call = await ask(stage);
  call.say('{"title":"番茄炒蛋","minutes":null,"steps":[]}');
  call.end();
  await phase("complete");
  await assertAccessible(stage, "finished");
  await page.click("#compare-open");
  await page.click("#beside button:last-child");
  await assertAccessible(stage, "replay open");
  await page.click("#use-open");
  await assertAccessible(stage, "use this open");
}, { config: { model: { ...testConfig().model, model: "demo" } } });

async function assertAccessible(
  { page }: Stage,
  state: string,
): Promise<void> {
  for (const look of LOOKS) {
    const { language, dark, width } = look;
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([
      { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
    ]);
    await page.evaluate(
      `document.documentElement.lang !== ${JSON.stringify(language)} &&
        document.querySelector("#language").click()`,
    );
    // What is on its way between two colours has neither.
    await page.evaluate(
      "Promise.all(document.getAnimations().map((a) => a.effect.getTiming().iterations === Infinity ? a.cancel() : a.finish()))",
    );
    const violations = await page.evaluate(
      `axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>
        id + ": " + nodes.map(({ html, failureSummary }) =>
          html + failureSummary).join("; ")))`,
    );
    assertEquals([state, look, violations], [state, look, []]);
  }
}

/** Being online again has the client try again at once. */
async function hurry({ page }: Stage): Promise<void> {
  await page.evaluate(
    `setInterval(() => dispatchEvent(new Event("online")), 100); 0`,
  );
}

async function assertArticle({ text }: Stage): Promise<void> {
  assertEquals(await text(".headline .value"), article.title);
  assertEquals(await text(".lead .value"), article.summary);
}

/** The key of the field that has the caret. */
async function caretField({ page }: Stage): Promise<unknown> {
  return await page.evaluate(`document.querySelector(".caret")
    ?.closest(".field").querySelector(".key").textContent ?? null`);
}

function aborted({ signal }: ModelCall): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
