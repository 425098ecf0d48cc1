import { assert, assertEquals } from "@std/assert";
import { createDemoFetch } from "../../lib/models/demo/model.ts";
import { openai } from "../../lib/openai.ts";
import { createFieldStreams } from "../../lib/server.ts";
import { recipes } from "../../static/use_this.js";
import { readEvents, ScriptedModel, startServer } from "../_server.ts";
import { screens } from "./_screens.ts";

const asked = {
  url: "http://localhost:5001/helloworld",
  prompt: `It's "so" \`quoted\` $HOME \\ 雨\n</script>`,
  schema: {
    type: "object",
    properties: {
      title: { type: "string" },
      "it's": { type: "array", items: { type: "string" } },
    },
  },
};

Deno.test("code for curl survives a shell", async () => {
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `curl() { printf '%s\\0' "$@"; }\n${recipes["curl"]!(asked)}`],
  }).output();
  const words = new TextDecoder().decode(stdout).split("\0");
  assertEquals(words.slice(0, 7), [
    "-N",
    asked.url,
    "-H",
    "Accept: text/event-stream",
    "-H",
    "Content-Type: application/json",
    "-d",
  ]);
  const { prompt, schema } = asked;
  assertEquals(JSON.parse(words[7]!), { prompt, schema });
});

Deno.test("code for EventSource says where a schema goes", () => {
  const code = recipes["EventSource"]!(asked);
  const [, address] = /new EventSource\(\n {2}(".*"),\n\)/.exec(code)!;
  const url = new URL(JSON.parse(address!));
  assertEquals(url.searchParams.get("prompt"), asked.prompt);
  assert(code.includes("SCHEMA_FILE"));
  assert(
    !recipes["EventSource"]!({ url: asked.url }).includes("SCHEMA_FILE"),
  );
});

Deno.test("code for React shows each field of the schema", () => {
  const code = recipes["React"]!(asked);
  assert(code.includes("<h1>{state?.title}</h1>"));
  assert(code.includes(`<p>{JSON.stringify(state?.["it's"])}</p>`));
  assert(recipes["React"]!({ url: asked.url }).includes("{state?.summary}"));
});

Deno.test("code leaves out what is not asked", () => {
  for (const [name, recipe] of Object.entries(recipes)) {
    const code = recipe({ url: asked.url });
    // A server of one's own has no shape that it asks for by itself.
    if (name === "server") {
      assert(code.includes('required: [\n          "title",\n'), code);
      continue;
    }
    assert(
      !/prompt:|schema:|undefined/.test(code.replace("state = undefined", "")),
    );
  }
});

Deno.test("code sends to a pinned address its input alone", () => {
  const url = "http://localhost:5001/api/recipe";
  const { schema } = asked;
  const input = { dish: "it's soup", "no-salt": false, "`${": 1 };
  const pinned = { url, path: "/api/recipe", schema, input };
  assert(recipes["curl"]!(pinned).includes('"no-salt": false'));
  for (const [name, recipe] of Object.entries(recipes)) {
    const code = recipe(pinned);
    const isServer = name === "server";
    assertEquals(/"?schema"?:/.test(code), isServer, name);
    assertEquals(/[{ "]dish"?[:=]|[?&]dish=/.test(code), !isServer, name);
  }
  const code = recipes["server"]!(pinned);
  assert(code.includes("question: ({ input }) => ({"));
  const [template = ""] = /`dish:.*`/.exec(code) ?? [];
  assertEquals(
    new Function("input", `return ${template}`)(input),
    "dish: it's soup, no-salt: false, `${: 1",
  );
  assert(recipes["React"]!(pinned).includes("<h1>{state?.title}</h1>"));
  const query = /(http\S+)"/.exec(recipes["EventSource"]!(pinned).slice(90))!;
  assertEquals(
    [...new URL(query[1]!).searchParams],
    [["dish", input.dish], ["no-salt", "false"], ["`${", "1"]],
  );
});

/** Whether a program can be run here. */
async function isThere(program: string): Promise<boolean> {
  const command = new Deno.Command(program, {
    args: ["--version"],
    stdout: "null",
    stderr: "null",
  });
  return await command.output().then(({ success }) => success, () => false);
}

const hasCurl = await isThere("curl") && await isThere("bash");

for (const [name, screen] of Object.entries(screens)) {
  Deno.test({
    name: `code for curl asks what is on the screen: ${name}`,
    ignore: !hasCurl,
    async fn() {
      const model = new ScriptedModel((call) => {
        call.say('{"title":"雨"}');
        call.end();
      });
      await using server = startServer({ ask: model.ask });
      const url = `${server.url}/helloworld`;
      const { stdout } = await new Deno.Command("bash", {
        args: ["-c", recipes["curl"]!({ url, ...screen })],
        stderr: "null",
      }).output();
      const said = new TextDecoder().decode(stdout);
      assert(said.includes('{"title":"雨"}'), said);
      assert(said.includes('"status":"end"'), said);
      const { question } = model.calls[0]!;
      assertEquals(question.prompt, screen.prompt);
      if (screen.schema) assertEquals(question.schema, screen.schema);
    },
  });

  Deno.test(`code for a server answers what is on the screen: ${name}`, {
    // The answer is kept for those who come late.
    sanitizeOps: false,
    sanitizeResources: false,
  }, async () => {
    // Its own modules, and the demo in the place of the provider.
    const code = recipes["server"]!({ url: "http://localhost/x", ...screen });
    const [, program] = code.split(/^import .*openai";$/m);
    const asked: unknown[] = [];
    const said: unknown[] = [];
    const demo = createDemoFetch({ tokensPerSecond: Infinity });
    const { promise, resolve } = Promise.withResolvers<
      (request: Request) => Promise<Response>
    >();
    new Function("createFieldStreams", "openai", "Deno", "console", program!)(
      createFieldStreams,
      (options: Parameters<typeof openai>[0]) => {
        assertEquals(options.apiKey, "key");
        return openai({
          ...options,
          fetch: async (input, init) => {
            const request = new Request(input, init);
            asked.push(await request.clone().json());
            return await demo(request);
          },
        });
      },
      { serve: resolve, env: { get: () => "key" } },
      { log: (...words: unknown[]) => said.push(words) },
    );
    const response = await (await promise)(new Request("http://localhost/x"));
    const events = await Array.fromAsync(readEvents(response));
    const end = events.at(-1)!.data;
    assertEquals([end.status, end.valid], ["end", true]);
    const [{ messages, response_format: format }] = asked as [
      { messages: { content: string }[]; response_format: object },
    ];
    assertEquals(messages.at(-1)!.content, screen.prompt);
    assert(JSON.stringify(format).includes("object"));
    assertEquals((said as [string][])[0]![0], "somebody");
  });
}

Deno.test("code may stand in a page", () => {
  const { prompt, schema } = screens["one's own"]!;
  const url = "http://localhost/x";
  for (const [name, recipe] of Object.entries(recipes)) {
    if (name === "curl") continue;
    const code = recipe({ url, prompt, ...(schema && { schema }) });
    assert(!/<\/script|<!--/.test(code), name);
  }
});
