// What happens when the process stands still: a closed lid, a paused machine.

import { assertEquals } from "@std/assert";
import { RawConnection } from "../_client.ts";
import { ServerProcess } from "../_process.ts";
import { readEvents } from "../_server.ts";
import { Upstream } from "../_upstream.ts";

Deno.test("after a stall, what waited in the sockets is read before anything is given up", async () => {
  await using upstream = new Upstream();
  await using server = await ServerProcess.start({
    OPENAI_BASE_URL: upstream.url,
    OPENAI_MODEL: "a-model",
    LIMITS: JSON.stringify({
      tokenGapSeconds: 4,
      firstTokenSeconds: 4,
      lingerSeconds: 4,
      bodySeconds: 4,
    }),
  });
  const asked = upstream.nextCall();
  const response = await fetch(`${server.url}/helloworld`);
  const events = readEvents(response);
  const start = (await events.next()).value!;
  const call = await asked;
  call.say('{"title":"a');
  await events.next();
  // One whose only reader has left, and one whose question is on its way.
  const left = upstream.nextCall();
  const id = "AAAAAAAAAAAAAAAAAAAAAA";
  const leaver = await RawConnection.open(`${server.url}/helloworld?id=${id}`);
  const lingering = await left;
  leaver.close();
  const asker = await RawConnection.open(`${server.url}/helloworld`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Content-Length": "2" },
  });
  await asker.socket.write(new TextEncoder().encode("{"));

  server.signal("SIGSTOP");
  call.say('b"}');
  call.end();
  lingering.say('{"title":"c"}');
  lingering.end();
  await asker.socket.write(new TextEncoder().encode("}"));
  const back = fetch(`${server.url}/helloworld?id=${id}`, {
    headers: { "Last-Event-ID": `${id}.0` },
  });
  // Later than each deadline, and late enough to tell.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  const third = upstream.nextCall();
  server.signal("SIGCONT");

  const rest = await Array.fromAsync(events);
  assertEquals(rest.at(-1)!.data.status, "end");
  assertEquals(rest.at(-1)!.id, `${start.data.id}.end`);
  const again = await Array.fromAsync(readEvents(await back));
  assertEquals(again.at(-1)!.data.status, "end");
  const last = await third;
  last.say('{"title":"d"}');
  last.end();
  while (!asker.body.complete) await asker.read();
  assertEquals(asker.events.at(-1)!.data.status, "end");
  asker.close();
});
