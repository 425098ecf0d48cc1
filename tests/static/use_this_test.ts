import { assert, assertEquals } from "@std/assert";
import { recipes } from "../../static/use_this.js";

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
  for (const recipe of Object.values(recipes)) {
    const code = recipe({ url: asked.url });
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
