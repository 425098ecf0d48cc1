// A process that stands still: a laptop's lid, a paused container.

import { assertEquals } from "@std/assert";
import { ServerProcess } from "../_process.ts";
import { readEvents, stateAfter } from "../_server.ts";
import { Upstream } from "../_upstream.ts";

Deno.test("an answer goes on when its process does, though all its time is over", async () => {
  await using upstream = new Upstream();
  await using server = await ServerProcess.start({
    OPENAI_MODEL: "stub",
    OPENAI_BASE_URL: upstream.url,
    LIMITS: JSON.stringify({ firstTokenSeconds: 1, tokenGapSeconds: 1 }),
  });
  const response = await fetch(`${server.url}/helloworld`);
  const call = await upstream.nextCall();
  const events = readEvents(response);
  await events.next();
  call.say('{"title":"a",');
  const heard = [(await events.next()).value!];
  server.signal("SIGSTOP");
  call.say('"summary":"b"}');
  call.end();
  // More than the limit, and than what is late.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  server.signal("SIGCONT");
  for await (const event of events) heard.push(event);
  assertEquals(heard.at(-1)!.data.status, "end");
  assertEquals(stateAfter(heard), { title: "a", summary: "b" });
});
