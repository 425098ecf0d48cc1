import { Answers, checkExactlyOnce, PATIENT_LIMITS } from "../_exactly_once.ts";
import { Upstream } from "../_upstream.ts";
import { Fleet, processTest } from "./_fleet.ts";

processTest(
  "exactly once over two processes, wherever each connection leads",
  async ({ store }) => {
    const answers = new Answers();
    const upstream = new Upstream((call) => {
      const { content } = call.body.messages.at(-1);
      answers.say(content, call, () => call.open);
    });
    const settings = { LIMITS: PATIENT_LIMITS };
    await using fleet = await Fleet.start(store, settings, upstream);
    await checkExactlyOnce([fleet.a.url, fleet.b.url], answers);
  },
);
