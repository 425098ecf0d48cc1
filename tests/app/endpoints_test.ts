import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Address, parseEndpoints } from "../../lib/app/endpoints.ts";
import { ConfigError, readConfig } from "../../lib/app/config.ts";
import { ScriptedModel, startServer, testConfig } from "../_server.ts";

const recipe = {
  prompt: "A recipe for {{dish}}, for {{ persons }} persons",
  system: "You cook {{dish}}.",
  schema: { type: "object", properties: { title: { type: "string" } } },
  input: {
    type: "object",
    properties: {
      dish: { type: "string", minLength: 1 },
      persons: { type: "integer", minimum: 1 },
      hot: { type: "boolean" },
    },
    required: ["dish", "persons"],
  },
  model: "another",
  parameters: { temperature: 0 },
  lingerSeconds: null,
};

/** A server with these endpoints, and what its model was asked. */
function serve(file: object, addresses: [string, Address][] = []) {
  const model = new ScriptedModel((call) => {
    call.say("{}");
    call.end();
  });
  const endpoints = parseEndpoints(JSON.stringify(file)) as Map<
    string,
    Address
  >;
  const config = testConfig({
    addresses: new Map([...endpoints, ...addresses]),
  });
  return { model, server: startServer({ ask: model.ask, config }) };
}

const post = (path: string, body: unknown) =>
  new Request(`http://localhost${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

Deno.test("an endpoint fills its texts, and asks as it says", async () => {
  const { model, server } = serve({ "/api/recipe": recipe });
  await using _ = server;
  const dish = "{{persons}} $& soups";
  for (
    const request of [
      post("/api/recipe", { input: { dish, persons: 2 } }),
      new Request(
        `http://localhost/api/recipe?persons=2&dish=${
          encodeURIComponent(dish)
        }&utm_source=x`,
      ),
    ]
  ) {
    const response = await server.handle(request);
    assertEquals(response.status, 200);
    await response.body!.pipeTo(new WritableStream());
    const { prompt, messages, schema, model: name, parameters } =
      model.calls.at(-1)!.question;
    assertEquals(prompt, `A recipe for ${dish}, for 2 persons`);
    assertEquals(messages, [
      { role: "system", content: `You cook ${dish}.` },
    ]);
    assertEquals([schema, name, parameters], [
      recipe.schema,
      "another",
      { temperature: 0 },
    ]);
  }
});

Deno.test("a wrong input is 400, and says where", async () => {
  const { model, server } = serve({ "/api/recipe": recipe });
  await using _ = server;
  const wrong: [input: unknown, where: string][] = [
    [{ dish: "soup" }, "input"],
    [{ dish: "soup", persons: 0 }, "input/persons"],
    [{ dish: "", persons: 1 }, "input/dish"],
    [{ dish: 5, persons: 1 }, "input/dish"],
    [{ dish: "soup", persons: "2" }, "input/persons"],
    [{ dish: "soup", persons: 1, wine: true }, "input/wine"],
  ];
  for (const [input, where] of wrong) {
    const request = post("/api/recipe", { input });
    request.headers.set("accept-language", "en");
    const response = await server.handle(request);
    const { code, message } = await response.json();
    assertEquals([response.status, code], [400, "bad_request"]);
    assert(message.startsWith(`${where}: `), message);
  }
  for (const query of ["dish=soup", "dish=soup&persons=two", "persons=1"]) {
    const request = new Request(`http://localhost/api/recipe?${query}`);
    const response = await server.handle(request);
    assertEquals(response.status, 400, query);
    await response.body!.cancel();
  }
  for (const body of [{ prompt: "anything" }, { input: {}, schema: {} }]) {
    const response = await server.handle(post("/api/recipe", body));
    assertEquals(response.status, 400);
    await response.body!.cancel();
  }
  assertEquals(model.calls.length, 0);
});

Deno.test("where no input is described, each name is a text that is needed", () => {
  const endpoints = parseEndpoints(
    JSON.stringify({ "/a": { prompt: "{{b}} {{b}} {{c-d}} { {e} }" } }),
  );
  const { input } = endpoints.get("/a") as typeof recipe;
  assertEquals(Object.keys(input.properties), ["b", "c-d"]);
  assertEquals(input.required, ["b", "c-d"]);
});

Deno.test("the server's own question is the only one where questions are closed", async () => {
  const { model, server } = serve({}, [["/helloworld", "own"]]);
  await using _ = server;
  for (
    const request of [
      new Request("http://localhost/helloworld?prompt=x"),
      post("/helloworld", { prompt: "x" }),
      post("/helloworld", { schema: { type: "object" } }),
    ]
  ) {
    const response = await server.handle(request);
    assertEquals([response.status, (await response.json()).code], [
      403,
      "forbidden",
    ]);
  }
  for (
    const request of [
      new Request("http://localhost/helloworld"),
      new Request("http://localhost/helloworld?prompt="),
      post("/helloworld", {}),
    ]
  ) {
    const response = await server.handle(request);
    assertEquals(response.status, 200);
    await response.body!.pipeTo(new WritableStream());
  }
  assertEquals(model.calls.map(({ question }) => question.prompt), [
    "a prompt",
    "a prompt",
    "a prompt",
  ]);
});

Deno.test("the list of endpoints tells inputs and schemas, and no prompts", async () => {
  const { server } = serve({ "/api/recipe": recipe }, [["/helloworld", "own"]]);
  await using _ = server;
  const response = await server.handle(
    new Request("http://localhost/endpoints"),
  );
  const text = await response.text();
  assert(!text.includes("A recipe for") && !text.includes("You cook"), text);
  const { endpoints } = JSON.parse(text);
  assertEquals(endpoints, [
    {
      path: "/api/recipe",
      open: false,
      input: recipe.input,
      schema: recipe.schema,
    },
    { path: "/helloworld", open: false, schema: testConfig().schema },
  ]);
});

Deno.test("the file may take /helloworld away, or pin it", async () => {
  const config = (file: string) => {
    const path = Deno.makeTempFileSync();
    try {
      Deno.writeTextFileSync(path, file);
      const settings = new Map([["ENDPOINTS_FILE", path]]);
      return readConfig({ get: (name) => settings.get(name) });
    } finally {
      Deno.removeSync(path);
    }
  };
  assertEquals([...config("{}").addresses], [["/helloworld", "open"]]);
  assertEquals(config('{"/helloworld":false}').addresses.size, 0);
  const pinned = config('{"/helloworld":{"prompt":"p"}}').addresses;
  assertEquals((pinned.get("/helloworld") as typeof recipe).prompt, "p");
  assertThrows(
    () => config('{"/a":{}}'),
    ConfigError,
    "ENDPOINTS_FILE: expected a file that holds a JSON object of endpoints (/a has no prompt)",
  );
  await using server = startServer({
    ask: new ScriptedModel().ask,
    config: testConfig({ addresses: new Map() }),
  });
  const gone = await server.handle(new Request("http://localhost/helloworld"));
  assertEquals(gone.status, 404);
  await gone.body!.cancel();
});

Deno.test("all mistakes in the file are told at once", () => {
  const error = assertThrows(
    () =>
      parseEndpoints(JSON.stringify({
        "recipe": { prompt: "p" },
        "/a b": { prompt: "p" },
        "/../x": { prompt: "p" },
        "/health": { prompt: "p" },
        "/client.js": { prompt: "p" },
        "/a": "p",
        "/b": {},
        "/c": { prompt: "", promt: "p" },
        "/d": { prompt: "{{x}}", input: { properties: { y: {} } } },
        "/e": { prompt: "p", schema: { type: "number" }, input: 5 },
        "/f": { prompt: "p", model: 1, parameters: [], lingerSeconds: 0 },
      })),
    TypeError,
  );
  const faults = error.message.split("; ").map((fault) =>
    fault.split(" ").slice(0, 2).join(" ")
  );
  for (
    const expected of [
      ...[
        "recipe is",
        "/a b",
        "/../x is",
        "/health is",
        "/client.js is",
        "/a is",
      ],
      ...["/b has", "/c prompt", "/c promt", "/d {{x}}", "/e schema"],
      ...["/e input", "/f model", "/f parameters", "/f lingerSeconds"],
    ]
  ) assert(faults.includes(expected), `${expected}\n${error.message}`);
  for (const text of ["[]", "5", "null", "{"]) {
    assertThrows(() => parseEndpoints(text));
  }
});

Deno.test("an endpoint sends text where its format is that, and a failure cuts it off", async () => {
  const file = { "/t": { prompt: "For {{dish}}", format: "text" } };
  const { model, server } = serve(file);
  await using _ = server;
  const answer = await server.handle(post("/t", { dish: "soup" }));
  assertEquals(await answer.text(), "{}");
  assertEquals(model.calls[0]!.question.prompt, "For soup");
  const both = post("/t", { dish: "soup", input: {} });
  assertEquals((await server.handle(both)).status, 400);

  const failing = new ScriptedModel((call) => {
    call.say('{"a":');
    call.end("length");
  });
  const endpoints = parseEndpoints(JSON.stringify(file));
  await using cut = startServer({
    ask: failing.ask,
    config: testConfig({
      addresses: endpoints as Map<string, Address>,
    }),
  });
  // Over a socket, too, it does not look like an end.
  const response = await fetch(`${cut.url}/t`, {
    method: "POST",
    body: '{"dish":"soup"}',
    headers: { "content-type": "application/json" },
  });
  assertEquals(response.status, 200);
  await assertRejects(() => response.text());
  assertEquals(cut.errors, []);
});

Deno.test("a format that is none is told at start-up", () => {
  assertThrows(
    () => parseEndpoints('{"/a":{"prompt":"p","format":"xml"}}'),
    TypeError,
    "/a format is one of events, ndjson, text",
  );
});
