import { assertEquals } from "@std/assert";
import {
  readEvents,
  ScriptedModel,
  startServer,
  stateAfter,
} from "./_server.ts";

Deno.test("an answer streams field by field", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const called = model.nextCall();
  const response = await fetch(`${server.url}/helloworld`);
  const call = await called;
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  call.say('{"title":"Hel');
  call.say('lo","summary":"x"}');
  call.end();
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(stateAfter(events), { title: "Hello", summary: "x" });
  assertEquals(events.at(0)?.data.message, "开始生成响应...");
  assertEquals(events.at(-1)?.data, {
    status: "end",
    message: "响应生成完成",
    finish_reason: "stop",
  });
  assertEquals(server.errors, []);
});
