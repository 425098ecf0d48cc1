// The original's page knew this protocol: start, chunk, end, error; append what
// comes. Its client is ten lines, and still works.

import { assertEquals } from "@std/assert";
import { ScriptedModel, startServer, turn } from "../_server.ts";

/** The ten lines; `close` is told instead of a page's elements. */
function read(
  url: string,
): Promise<{ title: string; summary: string; last: string }> {
  return new Promise((resolve) => {
    const page = { title: "", summary: "", last: "" };

    const source = new EventSource(`${url}/helloworld`);
    source.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.status === "chunk") {
        page.title += message.data.title ?? "";
        page.summary += message.data.summary ?? "";
      } else if (message.status === "end" || message.status === "error") {
        source.close();
        resolve({ ...page, last: message.message });
      }
    };
  });
}

Deno.test("the original's ten-line client shows the whole answer", async () => {
  const model = new ScriptedModel(async (call) => {
    for (
      const text of [
        ...['{"', 'title":', ' "', "科技", "发展", "新", "趋势", '",'],
        ...[' "summary"', ': "', "随着", "时代", "…😀\\", 'n"', "\n}"],
      ]
    ) {
      call.say(text);
      await turn();
    }
    call.end();
  });
  await using server = startServer({ ask: model.ask });
  assertEquals(await read(server.url), {
    title: "科技发展新趋势",
    summary: "随着时代…😀\n",
    last: "响应生成完成",
  });
  assertEquals(model.calls.length, 1);
});

Deno.test("the original's ten-line client hears of a failure", async () => {
  const model = new ScriptedModel((call) => {
    call.say('{"title": "科技');
    call.end("length");
  });
  await using server = startServer({ ask: model.ask });
  assertEquals(await read(server.url), {
    title: "科技",
    summary: "",
    last: "回答达到长度上限，没有写完",
  });
});
