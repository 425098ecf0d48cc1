/** What tests of the page share: a real Chromium, and the page in it. */

import puppeteer, { type Page } from "puppeteer-core";
import { browserFlags, browserPath } from "./_chromium.ts";
import {
  type ModelCall,
  ScriptedModel,
  startServer,
  testConfig,
  type TestServer,
} from "../_server.ts";

/** In CI a missing browser is a failure; elsewhere it skips tests. */
const isSkipped = browserPath === undefined &&
  Deno.env.get("CI") !== "true";
if (isSkipped) {
  console.log(
    "No Chromium found (CHROMIUM names one): skipping the page's tests",
  );
}

/** How long a slow machine may take for anything, in milliseconds. */
const PATIENCE = 120_000;

/** What a test of the page is given. */
export interface Stage {
  page: Page;
  model: ScriptedModel;
  server: TestServer;
  /** What the page's console said: errors and what was thrown. */
  complaints: string[];
  /** Loads the page from another address. */
  open(url: string): Promise<void>;
  /** What is in an element. */
  text(selector: string): Promise<string>;
  /** Resolves when the page is in this phase. */
  phase(name: string): Promise<void>;
  /** Resolves when an element holds this text. */
  shows(selector: string, text: string): Promise<void>;
}

/** How the stage is set. */
export interface StageOptions {
  /** What the model says, if the test does not drive it. */
  script?: ConstructorParameters<typeof ScriptedModel>[0];
  config?: Parameters<typeof testConfig>[0];
  /** @default {"zh-CN"} */
  language?: string;
  dark?: boolean;
  width?: number;
  height?: number;
  /** Pixels of the screen for one of the page. */
  scale?: number;
}

/** Defines a test that runs with a server and its page in a fresh browser. */
export function browserTest(
  name: string,
  run: (stage: Stage) => Promise<void>,
  options: StageOptions = {},
): void {
  Deno.test({
    name: `page ${name}`,
    ignore: isSkipped,
    fn: () => onStage(run, options),
  });
}

/** Runs something with a server and its page in a fresh browser. */
export async function onStage(
  run: (stage: Stage) => Promise<void>,
  {
    script,
    config,
    language = "zh-CN",
    dark = false,
    width = 1280,
    height = 900,
    scale = 1,
  }: StageOptions,
): Promise<void> {
  if (!browserPath) throw new Error("Cannot test the page: no Chromium found");
  const model = new ScriptedModel(script);
  await using server = startServer({
    ask: model.ask,
    config: testConfig(config),
  });
  const userDataDir = await Deno.makeTempDir();
  const browser = await puppeteer.launch({
    executablePath: browserPath,
    userDataDir,
    args: [...browserFlags, `--lang=${language}`, `--accept-lang=${language}`],
    timeout: PATIENCE,
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      // The browser itself logs each request that fails.
      const isOwn = !message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && isOwn) complaints.push(message.text());
    });
    page.on("dialog", (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.setViewport({ width, height, deviceScaleFactor: scale });
    await page.emulateMediaFeatures([
      { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
    ]);
    await page.goto(server.url);
    await run({
      page,
      model,
      server,
      complaints,
      async open(url) {
        await page.goto(url);
      },
      async text(selector) {
        const script = `document.querySelector(${quote(selector)}).textContent`;
        return String(await page.evaluate(script));
      },
      async phase(name) {
        await page.waitForSelector(`#state[data-phase=${name}]`);
      },
      async shows(selector, text) {
        await page.waitForFunction(
          `document.querySelector(${quote(selector)})?.textContent.includes(${
            quote(text)
          })`,
        );
      },
    });
  } finally {
    await browser.close();
    await Deno.remove(userDataDir, { recursive: true });
  }
}

/**
 * Keeps from the page the timer for tabs in which no frames come: where frames
 * are slow, it would show something in the midst of one.
 */
export async function showInFramesOnly({ page }: Stage): Promise<void> {
  await page.evaluate(`(({ setTimeout }) => {
    globalThis.setTimeout = (callback, delay, ...rest) =>
      delay === 200 ? 0 : setTimeout(callback, delay, ...rest);
  })(globalThis)`);
}

/** Presses the button, and waits for the model to be asked. */
export async function ask({ page, model }: Stage): Promise<ModelCall> {
  const next = model.nextCall();
  await page.click("#start");
  return await next;
}

/** What has the focus: its id, else the next best. */
export async function focused({ page }: Stage): Promise<string> {
  return String(
    await page.evaluate(`(({ id, name, className, localName }) =>
      id || name || className || localName)(document.activeElement)`),
  );
}

/** The texts of all elements that a selector finds. */
export async function list(
  { page }: Stage,
  selector: string,
): Promise<unknown> {
  return await page.evaluate(
    `[...document.querySelectorAll(${JSON.stringify(selector)})]
      .map((element) => element.textContent)`,
  );
}

/** Types into an input, all at once. */
export async function setValue(
  { page }: Stage,
  selector: string,
  value: string,
): Promise<void> {
  await page.evaluate(`{
    const input = document.querySelector(${JSON.stringify(selector)});
    input.value = ${JSON.stringify(value)};
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }`);
}

/** What is in an input. */
export async function value(
  { page }: Stage,
  selector: string,
): Promise<unknown> {
  return await page.evaluate(
    `document.querySelector(${JSON.stringify(selector)}).value`,
  );
}

const quote = JSON.stringify;
