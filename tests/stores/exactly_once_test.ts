import {
  Answers,
  checkAskedAtOnce,
  checkExactlyOnce,
  PATIENT_LIMITS,
} from "../_exactly_once.ts";
import { Upstream } from "../_upstream.ts";
import { Fleet, processTest } from "./_fleet.ts";

const settings = { LIMITS: PATIENT_LIMITS };

processTest(
  "exactly once over two processes, wherever each connection leads",
  async ({ store }) => {
    const answers = new Answers();
    const upstream = new Upstream((call) => {
      const { content } = call.body.messages.at(-1);
      answers.say(content, call, () => call.open);
    });
    await using fleet = await Fleet.start(store, settings, upstream);
    await checkExactlyOnce([fleet.a.url, fleet.b.url], answers);
  },
);

processTest(
  "1,000 ids that are asked for four times at once, of two processes, are answered once each",
  async ({ store }) => {
    const answers = new Answers();
    const upstream = new Upstream((call) =>
      answers.sayAll(call.body.messages.at(-1).content, call)
    );
    await using fleet = await Fleet.start(store, settings, upstream);
    await checkAskedAtOnce([fleet.a.url, fleet.b.url], answers);
  },
);
