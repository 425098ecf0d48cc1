// Measures how smooth the page is: `deno task bench:page`. The demo writes its
// long answer (200 KB at 500 tokens a second, about two minutes a language)
// while the processor of the page is four times slower than it is. What counts
// is the time between two frames: a machine that does nothing else shows one
// every 17 ms, and whatever else runs on it shows here, too.
//
//   deno task bench:page              in both languages
//   deno task bench:page zh           in one
//   deno task bench:page en --trace   where ten seconds of it go, at full speed

import { createDemoFetch, DEMO_MODEL } from "../../lib/models/demo/model.ts";
import { createAsk } from "../../lib/models/openai.ts";
import { testConfig } from "../_server.ts";
import { onStage } from "./browser.ts";

/** How much slower the page's processor is. */
const SLOWER = 4;
/** A frame that comes later than this after the last is seen to be late. */
const LATE = 50;
/** Where the trace begins, in characters of the answer. */
const TRACED_FROM = 50_000;

const QUESTIONS = {
  zh: { prompt: "demo:long 咖啡", language: "zh-CN" },
  en: { prompt: "demo:long Coffee", language: "en-US" },
};

/** Runs in the page: remembers when each frame was made. */
const WATCH = `{
  const times = globalThis.frameTimes = [];
  const watch = (now) => {
    times.push(now);
    requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
}`;

async function measure(
  name: keyof typeof QUESTIONS,
  isTraced: boolean,
): Promise<void> {
  const { prompt, language } = QUESTIONS[name];
  const ask = createAsk({
    ...testConfig().model,
    model: DEMO_MODEL,
    responseFormat: "json_schema",
    fetch: createDemoFetch(),
  });
  await onStage(async ({ page, phase }) => {
    page.setDefaultTimeout(1_200_000);
    await page.evaluate(
      `document.querySelector("#prompt").value = ${JSON.stringify(prompt)}`,
    );
    const session = await page.createCDPSession();
    const rate = isTraced ? 1 : SLOWER;
    await session.send("Emulation.setCPUThrottlingRate", { rate });
    await page.click("#start");
    await phase("writing");
    const length = `document.querySelector("#answer").textContent.length`;
    if (isTraced) {
      await page.waitForFunction(`${length} > ${TRACED_FROM}`, {
        polling: 500,
      });
      await page.tracing.start({
        categories: ["devtools.timeline", "blink"],
      });
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      const trace = await page.tracing.stop();
      return sumUp(JSON.parse(new TextDecoder().decode(trace)));
    }
    await page.evaluate(WATCH);
    await phase("complete");
    const times = await page.evaluate("globalThis.frameTimes") as number[];
    const gaps = times.slice(1).map((time, index) => time - times[index]!);
    const late = gaps.flatMap((gap, index) => {
      const second = (times[index]! - times[0]!) / 1000;
      return gap > LATE
        ? [`${gap.toFixed(1)} ms in second ${second.toFixed(1)}`]
        : [];
    });
    console.log(
      `${name}: ${await page.evaluate(length)} characters, ${gaps.length} ` +
        `frames, ${late.length} of them more than ${LATE} ms after the last` +
        `${late.map((each) => `, ${each}`).join("")}; ${distribution(gaps)}`,
    );
  }, {
    language,
    script: async (call) => {
      try {
        await ask(call.question, call.signal, (part) => {
          if (part.type === "text") call.say(part.text);
        });
        call.end();
      } catch {
        // A trace is over before the answer is, and nobody reads it any more.
      }
    },
  });
}

function distribution(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(1);
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} ms`;
}

/** What the profiler of Chromium tells; times in microseconds. */
interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  /** Of the processor. */
  tdur?: number;
}

/** Says what the page's thread spent the processor's time on. */
function sumUp({ traceEvents }: { traceEvents: TraceEvent[] }): void {
  // The thread that makes the frames.
  const [frame] = traceEvents.filter(({ name }) =>
    name === "WebFrameWidgetImpl::BeginMainFrame"
  );
  const spent = new Map<string, number[]>();
  for (const { name, ph, pid, tid, tdur } of traceEvents) {
    if (ph !== "X" || tdur === undefined) continue;
    if (pid !== frame?.pid || tid !== frame.tid) continue;
    spent.set(name, [...spent.get(name) ?? [], tdur / 1_000]);
  }
  const sum = (times: number[]) => times.reduce((all, time) => all + time, 0);
  const most = [...spent].sort((a, b) => sum(b[1]) - sum(a[1])).slice(0, 25);
  for (const [name, times] of most) {
    const all = `${sum(times).toFixed(0)} ms`.padStart(8);
    console.log(`${all}  ${name}, ${times.length}: ${distribution(times)}`);
  }
}

const isTraced = Deno.args.includes("--trace");
for (const name of ["zh", "en"] as const) {
  const isLeftOut = Deno.args.includes(name === "zh" ? "en" : "zh");
  if (!isLeftOut) await measure(name, isTraced);
}
