// Makes the pictures in docs/: `deno task screenshots`. The animation needs
// img2webp (Debian: webp); without it only the still pictures are made.

import { DEMO_MODEL } from "../lib/demo_model.ts";
import type { ModelCall } from "./_server.ts";
import { testConfig } from "./_server.ts";
import { onStage, type StageOptions } from "./browser.ts";

const docs = new URL("../docs/", import.meta.url).pathname;

const articles = {
  "zh-CN": {
    title: "城市里的第二条河",
    summary:
      "雨水曾经只是需要排走的麻烦，如今一些城市开始为它另修一条河。下沉的花园、" +
      "会呼吸的路面和屋顶上的浅池，把一场暴雨拆成许多小段，慢慢还给土地。" +
      "工程师说，这不是与水争地，而是给水留一条回家的路；孩子们只知道，" +
      "雨停之后，操场边会出现一条可以踩着石头走过去的小溪。",
  },
  "en-US": {
    title: "A Second River",
    summary:
      "Rain used to be a nuisance to be piped away. Now some cities are " +
      "giving it a river of its own: sunken gardens, streets that breathe, and " +
      "shallow pools on the roofs take a storm apart and hand it back to the " +
      "ground, slowly. Engineers call it leaving room for water. Children only " +
      "know that after the rain there is a brook beside the playground, just " +
      "narrow enough to cross on stones.",
  },
};

const recipe = {
  title: "番茄炒蛋",
  summary: "酸甜多汁，十分钟上桌。鸡蛋要嫩，番茄要炒出汁，剩下的交给米饭。",
  minutes: 10,
  servings: 2,
  ingredients: [
    { name: "番茄", amount: "2 个，约 300 克" },
    { name: "鸡蛋", amount: "3 个" },
    { name: "盐", amount: "半茶匙" },
    { name: "糖", amount: "1 茶匙" },
  ],
  steps: [
    "番茄切块；鸡蛋加少许盐和一勺温水打散。",
    "热油滑炒鸡蛋，刚刚凝固就盛出。",
    "下番茄炒出汁，加糖和盐。",
  ],
  tip: "",
};

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
  { preset = "article", prompt, text, ends, cuts, ...options }: StageOptions & {
    preset?: string;
    prompt: string;
    text: string;
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
    await page.screenshot({ path: `${docs}${name}.png` });
  }, { config, ...options });
  console.log(`docs/${name}.png`);
}

/** The page while an answer is written, cut and carried on with. */
async function animation(name: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  const frames: { path: string; at: number }[] = [];
  await onStage(async ({ page, model, phase }) => {
    const text = JSON.stringify(articles["en-US"]);
    await page.evaluate(
      `document.querySelector("#prompt").value = "Rain in the city"`,
    );
    const session = await page.createCDPSession();
    session.on("Page.screencastFrame", ({ data, metadata, sessionId }) => {
      const at = (metadata.timestamp ?? 0) * 1000;
      session.send("Page.screencastFrameAck", { sessionId }).catch(() => {});
      if (at - (frames.at(-1)?.at ?? 0) < 100) return;
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
  const zh = articles["zh-CN"];
  const en = articles["en-US"];
  const part = (answer: unknown, share: number) => {
    const text = JSON.stringify(answer);
    return text.slice(0, Math.round(text.length * share));
  };
  const wide = { width: 1240, height: 1010 };
  await still("page", {
    ...wide,
    language: "en-US",
    prompt: "Rain in the city",
    text: part(en, 0.72),
  });
  await still("page.zh-CN", {
    ...wide,
    prompt: "城市与雨水",
    text: part(zh, 0.78),
  });
  await still("page-dark", {
    ...wide,
    dark: true,
    prompt: "城市与雨水",
    text: JSON.stringify(zh),
    cuts: true,
    ends: true,
  });
  await still("recipe", {
    width: 1240,
    height: 1120,
    preset: "recipe",
    prompt: "番茄炒蛋，两人份",
    text: part(recipe, 0.93),
  });
  await still("phone", {
    width: 360,
    height: 780,
    scale: 2,
    prompt: "城市与雨水",
    text: part(zh, 0.5),
  });
  await animation("streaming");
}
