// Makes the pictures in docs/: `deno task screenshots`. The animation needs
// img2webp (Debian: webp); without it only the still pictures are made.

import { createDemoFetch, DEMO_MODEL } from "../../lib/models/demo/model.ts";
import type { Question } from "../../lib/models/ask.ts";
import { createAsk } from "../../lib/models/openai.ts";
import type { ModelCall } from "../_server.ts";
import { testConfig } from "../_server.ts";
import { onStage, type StageOptions } from "./browser.ts";

const docs = new URL("../../docs/", import.meta.url).pathname;

/** The demo model's answer, as whoever starts the server gets it. */
async function answerTo(question: Question): Promise<string> {
  const ask = createAsk({
    ...config.model,
    responseFormat: "json_schema",
    fetch: createDemoFetch({ tokensPerSecond: Infinity }),
  });
  let text = "";
  await ask(question, new AbortController().signal, (part) => {
    if (part.type === "text") text += part.text;
  });
  return text;
}

/** Says a text at the pace of a model: a few characters at a time. */
async function write(call: ModelCall, text: string): Promise<void> {
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = text.charCodeAt(at) < 0x80 ? 3 + turn % 5 : 1 + turn % 3;
    call.say(text.slice(at, at + size));
    at += size;
    await new Promise((resolve) => setTimeout(resolve, 22));
  }
}

const config = {
  ...testConfig(),
  model: { ...testConfig().model, model: DEMO_MODEL },
};

async function still(
  name: string,
  { preset = "article", prompt, share = 1, ends, cuts, ...options }:
    & StageOptions
    & {
      preset?: string;
      prompt: string;
      /** How much of the answer has been written. */
      share?: number;
      ends?: boolean;
      cuts?: boolean;
    },
): Promise<void> {
  await onStage(async ({ page, model, phase }) => {
    await page.click(`input[value=${preset}]`);
    await page.evaluate(
      `document.querySelector("#prompt").value = ${JSON.stringify(prompt)}`,
    );
    const next = model.nextCall();
    await page.click("#start");
    const call = await next;
    await page.evaluate("document.activeElement.blur()");
    await new Promise((resolve) => setTimeout(resolve, 400));
    const whole = await answerTo(call.question);
    const text = whole.slice(0, Math.round(whole.length * share));
    const half = cuts ? Math.round(text.length * 0.45) : text.length;
    await write(call, text.slice(0, half));
    if (cuts) {
      await page.click("#cut");
      await phase("reconnecting");
      const later = half + 12;
      await write(call, text.slice(half, later));
      await phase("writing");
      await write(call, text.slice(later));
    }
    if (ends) {
      call.end();
      await phase("complete");
    }
    // Whatever flies has landed, and the numbers have been written.
    await new Promise((resolve) => setTimeout(resolve, 600));
    if (ends) await page.evaluate("scrollTo(0, 0)");
    await page.screenshot({ path: `${docs}${name}.png` });
  }, { config, ...options });
  console.log(`docs/${name}.png`);
}

/** The page while an answer is written, cut and carried on with. */
async function animation(name: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  const frames: { path: string; at: number }[] = [];
  await onStage(async ({ page, model, phase }) => {
    await page.evaluate(
      `document.querySelector("#prompt").value = "Coffee"`,
    );
    const session = await page.createCDPSession();
    session.on("Page.screencastFrame", ({ data, metadata, sessionId }) => {
      const at = (metadata.timestamp ?? 0) * 1000;
      session.send("Page.screencastFrameAck", { sessionId }).catch(() => {});
      if (at - (frames.at(-1)?.at ?? 0) < 165) return;
      const path = `${folder}/${frames.length}.png`;
      Deno.writeFileSync(path, Uint8Array.fromBase64(data));
      frames.push({ path, at });
    });
    await session.send("Page.startScreencast", { format: "png" });
    const next = model.nextCall();
    await page.click("#start");
    const call = await next;
    await page.evaluate("document.activeElement.blur()");
    await new Promise((resolve) => setTimeout(resolve, 500));
    const text = await answerTo(call.question);
    const half = Math.round(text.length * 0.4);
    await write(call, text.slice(0, half));
    await page.click("#cut");
    await phase("reconnecting");
    const later = half + 40;
    await write(call, text.slice(half, later));
    await phase("writing");
    await write(call, text.slice(later));
    call.end();
    await phase("complete");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await session.send("Page.stopScreencast");
  }, { config, language: "en-US", width: 1040, height: 1010 });
  const args = frames.flatMap(({ path, at }, index) => [
    "-d",
    String(Math.round((frames[index + 1]?.at ?? at + 4_000) - at)),
    path,
  ]);
  const output = `${docs}${name}.webp`;
  const options = ["-loop", "0", "-lossless", "-m", "6", "-min_size"];
  const { success } = await new Deno.Command("img2webp", {
    args: [...options, ...args, "-o", output],
    stdout: "null",
    stderr: "null",
  }).output();
  await Deno.remove(folder, { recursive: true });
  console.log(success ? `docs/${name}.webp` : "Cannot run img2webp");
}

if (import.meta.main) {
  const wide = { width: 1240, height: 1120 };
  await still("page", {
    ...wide,
    language: "en-US",
    prompt: "Coffee",
    share: 0.72,
  });
  await still("page.zh-CN", {
    ...wide,
    prompt: "咖啡",
    share: 0.55,
  });
  await still("page-dark", {
    ...wide,
    height: 1085,
    dark: true,
    prompt: "咖啡",
    cuts: true,
    ends: true,
  });
  await still("recipe", {
    width: 1240,
    height: 1400,
    preset: "recipe",
    prompt: "番茄炒蛋，两人份",
    share: 0.93,
  });
  await still("phone", {
    width: 360,
    height: 780,
    scale: 2,
    prompt: "咖啡",
    share: 0.5,
  });
  await animation("streaming");
}
