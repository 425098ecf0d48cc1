import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { checkSchema } from "../../lib/schemas/schema.ts";
import { validateAtOnce } from "../schemas/_validate.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import {
  type ModelCall,
  readEvents,
  ScriptedModel,
  startServer,
  stateAfter,
  TestClock,
  testConfig,
  type TestServer,
  until,
} from "../_server.ts";

const ALICE = "token-of-alice-0123456789";
const BOB = "token-of-bob-0123456789ab";

/** Opens a connection and writes to it. */
async function connect(
  server: TestServer,
  text: string,
): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(server.url).port),
  });
  await writeAll(connection, text);
  return connection;
}

async function writeAll(
  connection: Deno.TcpConn,
  text: string,
): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    at += await connection.write(bytes.subarray(at));
  }
}

/** Everything that the server says until it closes, or until `end`. */
async function readAll(
  connection: Deno.TcpConn,
  end?: RegExp,
): Promise<string> {
  const buffer = new Uint8Array(65536);
  const decoder = new TextDecoder();
  let text = "";
  while (!end?.test(text)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}

/**
 * One exchange, byte for byte. After a body that it has not read to its end,
 * Deno keeps the connection: then the end of the answer is all there is.
 */
async function talk(
  server: TestServer,
  text: string,
  end?: RegExp,
): Promise<string> {
  using connection = await connect(server, text);
  return await readAll(connection, end);
}

/** The end of an error's body. */
const ERROR_END = /"}$/;

function post(
  server: TestServer,
  body: BodyInit,
  headers: Record<string, string> = { "content-type": "application/json" },
): Promise<Response> {
  return server.handle(
    new Request(`${server.url}/helloworld`, { method: "POST", headers, body }),
  );
}

// ---- What comes in

Deno.test("a body that is too large is read no further than it may be", async () => {
  const model = new ScriptedModel();
  const config = testConfig({ limits: { bodyBytes: 1000 } });
  await using server = startServer({ ask: model.ask, config });
  let sent = 0;
  const left = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 100;
      controller.enqueue(new TextEncoder().encode(" ".repeat(100)));
    },
    cancel: () => left.resolve(),
  }, { highWaterMark: 0 });
  const response = await post(server, body);
  assertEquals(response.status, 413);
  assertEquals((await response.json()).code, "too_large");
  await left.promise;
  assertEquals(sent, 1100);
  assertEquals(server.budgets.openStreams, 0);

  // On the wire, announced and unannounced, and one that fits exactly.
  const announced = await talk(
    server,
    "POST /helloworld HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
      `Content-Length: 1000000000\r\nConnection: close\r\n\r\n${
        " ".repeat(2000)
      }`,
    ERROR_END,
  );
  assertStringIncludes(announced, "413 Payload Too Large");
  const chunked = await talk(
    server,
    "POST /helloworld HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
      "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
      `190\r\n${" ".repeat(400)}\r\n`.repeat(3),
    ERROR_END,
  );
  assertStringIncludes(chunked, "413 Payload Too Large");
  assertEquals((await post(server, "x".padEnd(1000))).status, 400);
  assertEquals((await post(server, "{}".padEnd(1001))).status, 413);
  assertEquals(model.calls.length, 0);
});

Deno.test("a prompt that is too long starts nothing, however it comes", async () => {
  const model = new ScriptedModel();
  const config = testConfig({ limits: { promptCharacters: 10 } });
  await using server = startServer({ ask: model.ask, config });
  const prompt = "x".repeat(11);
  const responses = [
    await post(server, JSON.stringify({ prompt })),
    await server.handle(
      new Request(`${server.url}/helloworld?prompt=${prompt}`),
    ),
    await server.handle(
      new Request(`${server.url}/helloworld?prompt=${"x".repeat(60_000)}`),
    ),
  ];
  for (const response of responses) {
    assertEquals(response.status, 413);
    assertEquals((await response.json()).code, "too_large");
  }
  assertEquals(model.calls.length, 0);
  const fitting = await post(
    server,
    JSON.stringify({ prompt: "界".repeat(10) }),
  );
  assertEquals(fitting.status, 200);
  await fitting.body!.cancel();
  assertEquals(model.calls[0]!.question.prompt, "界".repeat(10));
});

Deno.test("a body that never ends is given up, and takes a stream's place till then", async () => {
  const bodySeconds = 10;
  class Clock extends TestClock {
    reading = Promise.withResolvers<void>();
    override setTimeout(callback: () => void, delay: number) {
      if (delay === bodySeconds * 1000) this.reading.resolve();
      return super.setTimeout(callback, delay);
    }
  }
  const clock = new Clock();
  const model = new ScriptedModel();
  const config = testConfig({ limits: { bodySeconds, streamsPerClient: 2 } });
  await using server = startServer({ ask: model.ask, config, clock });
  const head =
    "POST /helloworld HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  const endless = [
    // Says how much will come, and sends less.
    `${head}Content-Length: 100\r\n\r\n{"prompt":`,
    // Sends chunk after chunk.
    `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`,
  ];
  const connections: Deno.TcpConn[] = [];
  for (const text of endless) {
    clock.reading = Promise.withResolvers();
    connections.push(await connect(server, text));
    await clock.reading.promise;
  }
  assertEquals(server.budgets.openStreams, 2);
  const refused = await talk(
    server,
    `${head}Content-Length: 2\r\nConnection: close\r\n\r\n{}`,
    ERROR_END,
  );
  assertStringIncludes(refused, "429 Too Many Requests");

  // To send a little now and then is of no use.
  clock.tick(9_000);
  await writeAll(connections[1]!, "1\r\n \r\n");
  assertEquals(server.budgets.openStreams, 2);
  clock.tick(1_000);
  for (const connection of connections) {
    const answer = await readAll(connection, ERROR_END);
    assertStringIncludes(answer, "400 Bad Request");
    connection.close();
  }
  assertEquals(server.budgets.openStreams, 0);
  assertEquals(model.calls.length, 0);
  assertEquals(clock.timers, 0);
  assertEquals(server.errors, []);
});

Deno.test("bodies are UTF-8 text of a JSON object, and nothing is unpacked", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const json = "application/json";
  const bomb = new Response(
    new Blob(["[".repeat(10_000_000)]).stream()
      .pipeThrough(new CompressionStream("gzip")),
  );
  const packed = new Uint8Array(await bomb.arrayBuffer());
  assert(packed.length < 65536);
  const notUtf8 = new TextEncoder().encode('{"prompt":"x"}');
  notUtf8[11] = 0xff;
  for (
    const [body, headers, status] of [
      [packed, { "content-type": json, "content-encoding": "gzip" }, 400],
      [notUtf8, { "content-type": json }, 400],
      ["[".repeat(65_000), { "content-type": json }, 400],
      ['{"a":'.repeat(13_000), { "content-type": json }, 400],
      [
        `{"schema":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
        { "content-type": json },
        400,
      ],
      ["[]", { "content-type": json }, 400],
      ["null", { "content-type": json }, 400],
      ['"x"', { "content-type": json }, 400],
      ["{}", {}, 415],
      ["{}", { "content-type": "text/plain" }, 415],
      ["{}", { "content-type": "application/jsonp" }, 415],
      ["{}", { "content-type": "multipart/form-data" }, 415],
      ["{}", { "content-type": `application/json${" ".repeat(60_000)}x` }, 415],
    ] as const
  ) {
    const response = await post(server, body, headers);
    assertEquals(response.status, status, JSON.stringify(headers).slice(0, 99));
    await response.body?.cancel();
  }
  assertEquals(model.calls.length, 0);
  assertEquals(server.errors, []);
});

Deno.test("members called __proto__ and constructor pollute nothing", async () => {
  const model = new ScriptedModel((call) => {
    call.say('{"__proto__":{"polluted":1},"constructor":{"prototype":');
    call.say('{"polluted":1}}}');
    call.end();
  });
  await using server = startServer({ ask: model.ask });
  for (const name of ["__proto__", "constructor", "toString"]) {
    const response = await post(server, `{"${name}":{"polluted":1}}`);
    assertEquals(response.status, 400, name);
    await response.body?.cancel();
  }
  const schema = `{"type":"object","properties":{
    "__proto__":{"type":"object","properties":{"polluted":{"const":1}}},
    "constructor":{"properties":{"prototype":{"const":2}}}},
    "required":["__proto__"],
    "$defs":{"__proto__":{"const":1}},"__proto__":{"polluted":1}}`;
  const response = await post(server, `{"schema":${schema}}`);
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(events.at(-1)!.data.valid, false);
  const checked = checkSchema(JSON.parse(schema));
  assertEquals(
    validateAtOnce(checked, JSON.parse('{"__proto__":{"polluted":1}}')),
    {
      valid: true,
    },
  );
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
  assertEquals(server.errors, []);
});

Deno.test("header values of 60 KB do no harm", async () => {
  const model = new ScriptedModel((call) => {
    call.say('{"a":1}');
    call.end();
  });
  for (const accessTokens of [[], [ALICE]]) {
    const config = testConfig({
      accessTokens,
      trustProxy: true,
      corsOrigins: ["https://listed.example"],
    });
    await using server = startServer({ ask: model.ask, config });
    for (
      const name of [
        ...["Accept", "Accept-Encoding", "Authorization", "Content-Type"],
        ...["Cookie", "Host", "If-None-Match", "Last-Event-ID", "Origin"],
        ...["Range", "Sec-Fetch-Site", "Sec-Purpose", "User-Agent"],
        ...["X-Forwarded-For", "X-Forwarded-Proto", "X-Unknown"],
      ]
    ) {
      for (const pattern of ["x", "a/b,", " ", ";", "=", '"', "1.2.3.4, "]) {
        const value = pattern.repeat(60_000 / pattern.length);
        for (const path of ["/helloworld", "/"]) {
          const host = name === "Host" ? "" : "Host: localhost\r\n";
          const answer = await talk(
            server,
            `GET ${path} HTTP/1.1\r\n${host}${name}: ${value}\r\n` +
              "Connection: close\r\n\r\n",
          );
          assertMatch(answer, /^HTTP\/1\.1 (200|304|4\d\d) /, name);
        }
      }
    }
    assertEquals(server.errors, []);
    assertEquals(server.budgets.openStreams, 0);
  }
});

Deno.test("an Accept header is not looked at for longer than it is worth", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  for (const [length, type] of [[1000, "json"], [1001, "event-stream"]]) {
    const accept = "application/json".padEnd(length as number, ",x/y");
    const response = await server.handle(
      new Request(`${server.url}/helloworld`, {
        method: "HEAD",
        headers: { accept },
      }),
    );
    assertStringIncludes(response.headers.get("content-type")!, `${type}`);
  }
});

// ---- What goes out

Deno.test("the page may run and load nothing but its own", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  for (const path of ["/", "/index.html", "/client.js", "/style.css"]) {
    const response = await fetch(server.url + path);
    await response.body?.cancel();
    assertEquals(response.status, 200);
    const policy = new Map(
      response.headers.get("content-security-policy")!.split("; ")
        .map((directive) => {
          const [name, ...values] = directive.split(" ");
          return [name!, values.join(" ")] as const;
        }),
    );
    assertEquals(policy.get("default-src"), "'none'");
    assertEquals(policy.get("script-src"), "'self'");
    assertEquals(policy.get("style-src"), "'self'");
    assertEquals(policy.get("connect-src"), "'self'");
    assertEquals(policy.get("base-uri"), "'none'");
    assertEquals(policy.get("form-action"), "'none'");
    assertEquals(policy.get("frame-ancestors"), "'none'");
    assert(![...policy.values()].some((value) => /unsafe|\*/.test(value)));
  }
  const page = await (await fetch(`${server.url}/`)).text();
  assert(!/<script(?![^>]* src=)/i.test(page), "no inline script");
  assert(!/<style|\sstyle=|\son\w+=|javascript:/i.test(page), "nothing inline");
});

Deno.test("no response is guessed at, and none tells where its reader came from", async () => {
  const model = new ScriptedModel((call) => call.end());
  await using server = startServer({ ask: model.ask });
  for (
    const [path, method, status] of [
      ["/", "GET", 200],
      ["/", "PUT", 405],
      ["/nothing", "GET", 404],
      ["/health", "GET", 200],
      ["/helloworld", "GET", 200],
      ["/helloworld", "HEAD", 200],
      ["/helloworld", "DELETE", 204],
      ["/helloworld", "OPTIONS", 204],
      ["/helloworld?id=x", "GET", 400],
      ["/session", "GET", 405],
    ] as const
  ) {
    const response = await fetch(server.url + path, { method });
    await response.body?.cancel();
    assertEquals(response.status, status, `${method} ${path}`);
    const { headers } = response;
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
    assertEquals(headers.get("server"), null);
    if (status >= 400) {
      assertEquals(headers.get("content-type"), "application/json");
      assertEquals(headers.get("cache-control"), "no-store");
    }
  }
});

Deno.test("only what is in static/ is served, whatever the path says", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const ups = ["..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "..%00", "..;"];
  const slashes = ["/", "%2f", "%2F", "\\", "%5c", "%255c", "//", "/./"];
  const targets = ["deno.json", "main.ts", "lib/app/handler.ts", "etc/passwd"];
  const paths = [
    ...["//", "///etc/passwd", "/.git/config", "/.env", "/client.js/"],
    ...["/client.js%00", "/client.js%20", "/CLIENT.JS%2f"],
    ...["/index.html/x", "/%", "/%ff", "/%00", "/%0a", "/%0d%0ax:y", "/~root"],
    ...["/static/client.js", "/static/", "/C:/x", "/file:///etc/passwd"],
    ...["/%68elloworld", "/helloworld/", "/helloworld%2f", "/x".repeat(9999)],
    `/${"x".repeat(20_000)}`,
  ];
  for (const up of ups) {
    for (const slash of slashes) {
      for (const target of targets) {
        for (const times of [1, 2, 8]) {
          paths.push(`/${(up + slash).repeat(times)}${target}`);
          paths.push(`/static${slash}${(up + slash).repeat(times)}${target}`);
        }
      }
    }
  }
  // Nor can a path write into the log.
  const said: unknown[] = [];
  const { warn, error } = console;
  console.warn = console.error = (...words) => said.push(words);
  using _ = {
    [Symbol.dispose]: () => void Object.assign(console, { warn, error }),
  };
  using connection = await connect(server, "");
  for (const path of paths) {
    await writeAll(
      connection,
      `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    const answer = await readAll(connection, /\r\n\r\n/);
    assertMatch(answer, /^HTTP\/1\.1 404 /, path);
    assertEquals(said, []);
  }
  assertEquals(server.errors, []);
});

/** What a model might write to be taken for something else. */
const HOSTILE = [
  '\n\ndata: {"status":"end","message":"injected"}\n\n',
  "\r\rid: AAAAAAAAAAAAAAAAAAAAAA.end\revent: open\rretry: 1\r\r",
  "\r\n\r\n: comment\r\n\r\n",
  '\u2028\u2028data: {"status":"error"}\u2029\u0085\u000b\u000c',
  "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
  "\u202e\u2066\u200f\u061cgnp.exe\u2069\ufeff\u0000\u001b[2J\u009b31m",
  '\\u000a\\n\\r \\" ]}} ``` </think>',
].join("");

Deno.test("nothing that a model writes breaks out of its frame", async () => {
  async function framesOf(script: (call: ModelCall) => void): Promise<{
    text: string;
    events: ReturnType<typeof JSON.parse>[];
  }> {
    const model = new ScriptedModel(script);
    await using server = startServer({ ask: model.ask });
    const response = await fetch(`${server.url}/helloworld`);
    const text = await response.text();
    assertEquals(server.errors, []);
    assert(
      !/[^\n\P{C}]|[\u0085\u2028\u2029]/u.test(text.replaceAll(
        // Format characters are text, inside JSON strings.
        /[\p{Cf}\u009b]/gu,
        "",
      )),
    );
    const [retry, ...frames] = text.split("\n\n");
    assertMatch(retry!, /^retry: \d{4}$/);
    assertEquals(frames.pop(), "");
    const id = /^id: ([\w-]{22})\.0\n/.exec(frames[0]!)![1];
    return {
      text,
      events: frames.map((frame) => {
        const [, generation, , data] =
          /^id: ([\w-]{22})\.(\d+|end)\ndata: ([^\n]+)$/.exec(frame)!;
        assertEquals(generation, id);
        return JSON.parse(data!);
      }),
    };
  }
  const document = { title: HOSTILE, [HOSTILE]: [HOSTILE] };

  const json = JSON.stringify(document);
  for (const size of [1, 7, json.length]) {
    const { events } = await framesOf((call) => {
      call.send({ type: "reasoning", text: HOSTILE });
      for (let at = 0; at < json.length; at += size) {
        call.say(json.slice(at, at + size));
      }
      call.send({ type: "usage", usage: { [HOSTILE]: HOSTILE } });
      call.end(HOSTILE);
    });
    assertEquals(
      stateAfter(events.map((data) => ({ id: "", data }))),
      document,
    );
    const statuses = new Set(events.map(({ status }) => status));
    assertEquals([...statuses], ["start", "reasoning", "chunk", "end"]);
    assertEquals(events.at(-1).message, "响应生成完成");
    assertEquals(events.at(-1).finish_reason, HOSTILE);
    assertEquals(
      events.filter(({ status }) => status === "reasoning")
        .map(({ data }) => data).join(""),
      HOSTILE,
    );
  }

  // Not even written as JSON does not allow it.
  const raw = HOSTILE.replaceAll(/["\\]/g, "");
  const { events } = await framesOf((call) => {
    for (const unit of `{"title":"${raw}"}`) call.say(unit);
    call.end();
  });
  assertEquals(stateAfter(events.map((data) => ({ id: "", data }))), {
    title: raw,
  });

  for (
    const script of [
      (call: ModelCall) => {
        call.send({ type: "refusal", text: HOSTILE });
        call.end();
      },
      (call: ModelCall) => {
        call.say(HOSTILE.replaceAll("{", ""));
        call.end(HOSTILE);
      },
    ]
  ) {
    const { events } = await framesOf(script);
    assertEquals(events.map(({ status }) => status), ["start", "error"]);
  }
});

Deno.test("a prompt comes back in no response", async () => {
  const model = new ScriptedModel((call) => {
    call.say('{"a":1}');
    call.end();
  });
  await using server = startServer({ ask: model.ask });
  const prompt = `a secret prompt`;
  for (const accept of ["text/event-stream", "application/json"]) {
    const response = await post(server, JSON.stringify({ prompt }), {
      "content-type": "application/json",
      accept,
    });
    assert(!(await response.text()).includes("secret"));
  }
});

// ---- What leaks

const KEY = 'sk-"key"-0123456789';
const RAW = "raw words of the provider";

/** A provider that fails as the prompt tells it to, and says too much. */
function startLeakyProvider(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { messages } = await request.json();
      const message =
        `${RAW} ${request.headers.get("authorization")} ${ALICE} ${BOB} ` +
        `${request.url}\n2026-01-01T00:00:00.000Z generation forged end\r\n` +
        `\u001b[31m\u009b2J\u202e\u2028\u0000 at handler (/srv/app.ts:1:1)`;
      const error = { error: { message, code: "leak" } };
      const prompt: string = messages.at(-1).content;
      const mode = prompt.split(" ").at(-1)!;
      if (/^\d+$/.test(mode)) {
        return Response.json(error, {
          status: Number(mode),
          headers: { "x-should-retry": "false", "x-provider": RAW },
        });
      }
      const start =
        'data: {"choices":[{"delta":{"content":"{\\"title\\":"}}]}\n\n';
      const end = {
        object: `data: ${JSON.stringify(error)}\n\n`,
        garbage: `data: {"${RAW}\n\n`,
        early: "",
      }[mode];
      return new Response(start + end, {
        headers: { "content-type": "text/event-stream" },
      });
    },
  );
}

/**
 * Starts the program itself; what it prints comes in lines.
 *
 * @param files How many files and connections it may have open.
 */
async function startProgram(
  settings: Record<string, string>,
  files = 1000,
): Promise<
  & AsyncDisposable
  & {
    url: string;
    nextLine(matching: RegExp): Promise<string>;
    lines: string[];
  }
> {
  const flags = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-run", "without_jsr/flags.ts"],
    stderr: "null",
  }).output();
  const program = new Deno.Command("sh", {
    args: [
      ...["-c", `ulimit -n ${files}; exec "$@"`, "sh", Deno.execPath(), "run"],
      ...new TextDecoder().decode(flags.stdout).trim().split(/\s+/)
        .filter((flag) => flag !== ""),
      ...["--no-prompt", "--allow-net", "--allow-read", "--allow-env"],
      "main.ts",
    ],
    env: {
      ...{ ARK_API_KEY: "", OPENAI_API_KEY: "", OPENAI_MODEL: "", LIMITS: "" },
      ...{ ACCESS_TOKENS: "", CORS_ORIGINS: "", LOG_PROMPTS: "", HOST: "" },
      PORT: "0",
      ...settings,
    },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines: string[] = [];
  let heard = Promise.withResolvers<void>();
  const listening = (async () => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const bytes of program.stdout) {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split(
        "\n",
      );
      rest = parts.pop()!;
      lines.push(...parts);
      heard.resolve();
      heard = Promise.withResolvers();
    }
  })();
  let read = 0;
  async function nextLine(matching: RegExp): Promise<string> {
    for (;;) {
      while (read < lines.length) {
        const line = lines[read++]!;
        if (matching.test(line)) return line;
      }
      await heard.promise;
    }
  }
  const [port] = /\d+(?=\/$)/.exec(await nextLine(/ listens on /))!;
  return {
    url: `http://127.0.0.1:${port}`,
    nextLine,
    lines,
    async [Symbol.asyncDispose]() {
      program.kill("SIGTERM");
      await program.status;
      await listening;
    },
  };
}

Deno.test("nothing of the provider reaches a client, and no secret the log", async () => {
  const provider = startLeakyProvider();
  const baseURL = `http://user:${BOB}@127.0.0.1:${provider.addr.port}/v1`;
  {
    await using program = await startProgram({
      OPENAI_MODEL: "a model",
      OPENAI_API_KEY: KEY,
      OPENAI_BASE_URL: baseURL,
      ACCESS_TOKENS: ALICE,
    });
    const headers = { authorization: `Bearer ${ALICE}` };
    for (
      const [mode, code] of [
        ["400", "upstream_rejected"],
        ["401", "upstream_auth"],
        ["404", "upstream_rejected"],
        ["429", "upstream_rate_limited"],
        ["500", "upstream_unavailable"],
        ["object", "upstream_unavailable"],
        ["garbage", "upstream_unavailable"],
        ["early", "upstream_unavailable"],
      ]
    ) {
      const id = makeGenerationId();
      const url = `${program.url}/helloworld?id=${id}`;
      const response = await fetch(`${url}&prompt=quiet+${mode}`, { headers });
      const text = await response.text();
      const line = await program.nextLine(/ generation /);
      assertStringIncludes(line, `generation ${id} ${code} `);
      const polled = await fetch(url, {
        headers: { ...headers, accept: "application/json" },
      });
      const heads = JSON.stringify([...response.headers, ...polled.headers]);
      const told = heads + text + await polled.text();
      assertStringIncludes(told, `"code":"${code}"`);
      for (
        const secret of [
          ...[RAW, KEY, "sk-", "Bearer", ALICE, BOB, "Error", "leak"],
          ...[`${provider.addr.port}`, "/v1", "app.ts", "    at ", "quiet"],
        ]
      ) assert(!told.includes(secret), `${mode}: ${secret}: ${told}`);
    }
    // Each entry is one line that steers nothing.
    const entries = program.lines.filter((line) =>
      line.includes(" generation ")
    );
    assertEquals(entries.length, 8);
    const begun = program.lines.findIndex((line) => / listens on /.test(line));
    for (const line of program.lines.slice(begun + 1)) {
      assertMatch(
        line,
        /^\d{4}-\d\d-\d\dT[\d:.]+Z (generation [\w-]{22} |stop)/,
      );
      assert(!/\p{C}|\u2028/u.test(line), line);
    }
    const log = program.lines.join("\n");
    assertStringIncludes(log, RAW);
    assertStringIncludes(log, "[redacted]");
    for (
      const secret of [KEY, KEY.replaceAll('"', '\\"'), ALICE, BOB, "quiet"]
    ) {
      assert(!log.includes(secret), `${secret}: ${log}`);
    }
  }
  await provider.shutdown();
});

Deno.test("the log holds prompts if it is told to, each on a line", async () => {
  await using program = await startProgram({
    LOG_PROMPTS: "true",
    ACCESS_TOKENS: ALICE,
    LIMITS: '{"lingerSeconds":0.01}',
  });
  const prompt = `one\ntwo\u001b[31m\u202e ${ALICE}`;
  const response = await fetch(`${program.url}/helloworld`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${ALICE}`,
    },
    body: JSON.stringify({ prompt }),
  });
  await response.body!.cancel();
  const line = await program.nextLine(/ prompt /);
  assertMatch(
    line,
    /^\S+Z prompt [\w-]{22} "one\\ntwo\\u001b\[31m \[redacted\]"$/,
  );
});

Deno.test("an open server with somebody's key says so, in one line", async () => {
  const settings = { OPENAI_MODEL: "m", OPENAI_API_KEY: KEY };
  for (
    const [own, warns] of [
      [settings, true],
      [{ ARK_API_KEY: KEY }, true],
      [{ ...settings, ACCESS_TOKENS: ALICE }, false],
      [{}, false],
    ] as const
  ) {
    await using program = await startProgram(own);
    const response = await fetch(`${program.url}/health`);
    await response.body!.cancel();
    const warnings = program.lines.filter((line) => /warning/i.test(line));
    assertEquals(warnings.length, warns ? 1 : 0);
    assert(!program.lines.join().includes(KEY));
  }
});

// ---- How much

Deno.test("a flood from one client does not reach another", async () => {
  const model = new ScriptedModel();
  const config = testConfig({
    accessTokens: [ALICE, BOB],
    limits: {
      streams: 1000,
      streamsPerClient: 20,
      generationsPerMinute: 60,
      resumesPerMinute: 600,
    },
  });
  await using server = startServer({ ask: model.ask, config });
  const start = (token: string, init: RequestInit = {}, query = "") =>
    fetch(`${server.url}/helloworld${query}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...init.headers },
    });
  const called = model.nextCall();
  const response = await start(BOB);
  const call = await called;
  const events = readEvents(response);
  const seen = [(await events.next()).value!];

  const statuses = new Map<number, number>();
  const held: Response[] = [];
  async function flood(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, async (_, n) => {
      const inits: RequestInit[] = [
        {},
        { headers: { accept: "application/json" } },
        { method: "POST", body: "x".repeat(60_000) },
        { method: "DELETE" },
      ];
      const query = n % 8 < 4 ? "" : `?id=${seen[0]!.data.id}`;
      const response = await start(ALICE, inits[n % 4], query);
      const { status, headers } = response;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 429) assertMatch(headers.get("retry-after")!, /^\d+$/);
      const type = headers.get("content-type");
      if (status === 200 && type === "text/event-stream") held.push(response);
      else await response.body?.cancel();
    }));
  }
  call.say('{"title":"');
  for (let round = 0; round < 20; round++) {
    const flooding = flood(100);
    call.say(`${round},`);
    // In the midst of the flood, what the model says arrives.
    while (!JSON.stringify(seen.at(-1)!.data).includes(`${round},`)) {
      seen.push((await events.next()).value!);
    }
    await flooding;
    assert(server.budgets.openStreams <= 21);
    assert(server.generations.running <= 61);
  }
  call.say('"}');
  call.end();
  for await (const event of events) seen.push(event);
  assertEquals(seen.at(-1)!.data.status, "end");
  assertEquals(stateAfter(seen), {
    title: Array.from({ length: 20 }, (_, round) => `${round},`).join(""),
  });
  // Bob can begin again, too.
  const again = await start(BOB, { headers: { accept: "application/json" } });
  assertEquals(again.status, 202);
  await again.body!.cancel();

  assertEquals(held.length, 20);
  assert(model.calls.length <= 62, "60 a minute, and Bob's two");
  const total = [...statuses.values()].reduce((sum, count) => sum + count);
  assertEquals(total, 2000);
  assert(statuses.get(429)! > 500, JSON.stringify([...statuses]));
  assertEquals(
    [...statuses.keys()].filter((status) => status >= 500),
    [],
  );
  for (const { body } of held) await body!.cancel();
  assertEquals(server.errors, []);
});

Deno.test("more connections than there may be end nothing that goes on", async () => {
  const asked = Promise.withResolvers<
    ReadableStreamDefaultController<Uint8Array>
  >();
  const provider = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response(
        new ReadableStream<Uint8Array>({ start: asked.resolve }),
        { headers: { "content-type": "text/event-stream" } },
      ),
  );
  {
    await using program = await startProgram({
      OPENAI_MODEL: "m",
      OPENAI_BASE_URL: `http://127.0.0.1:${provider.addr.port}/v1`,
    }, 200);
    const response = await fetch(`${program.url}/helloworld`);
    const answer = await asked.promise;

    // Each says too little to be a request, and waits.
    const port = Number(new URL(program.url).port);
    const open: Deno.TcpConn[] = [];
    const isFull = program.nextLine(/ error .*Too many open files/);
    try {
      while (open.length < 300) {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port });
        open.push(connection);
        await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
      }
    } catch {
      // It does not listen any more.
    }
    await isFull;
    for (const connection of open) connection.close();
    await program.nextLine(/ listening again$/);

    const send = (chunk: unknown) =>
      answer.enqueue(
        new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`),
      );
    const content = '{"a":1}';
    send({ choices: [{ delta: { content }, finish_reason: "stop" }] });
    answer.close();
    const events = await Array.fromAsync(readEvents(response));
    assertEquals(events.at(-1)!.data.status, "end");
    const health = await fetch(`${program.url}/health`);
    assertEquals((await health.json()).status, "ok");
  }
  await provider.shutdown();
});

Deno.test("a client that reads nothing is let go in the end", async () => {
  const clock = new TestClock();
  const model = new ScriptedModel();
  const config = testConfig({ limits: { connectionSeconds: 20 } });
  await using server = startServer({ ask: model.ask, config, clock });
  const called = model.nextCall();
  using _ = await connect(
    server,
    "GET /helloworld HTTP/1.1\r\nHost: localhost\r\n\r\n",
  );
  const call = await called;
  call.say('{"title":"');
  assertEquals(server.budgets.openStreams, 1);
  clock.tick(20_000);
  // The kernel has taken what there was: nothing of it is this server's.
  await until(() => server.budgets.openStreams === 0);
});

Deno.test("to stop twice, too late or while it ends does no harm", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const id = makeGenerationId();
  const path = `${server.url}/helloworld?id=${id}`;
  const stop = async () => {
    const response = await server.handle(
      new Request(path, { method: "DELETE" }),
    );
    assertEquals(response.status, 204);
  };
  const called = model.nextCall();
  const response = await fetch(path);
  const call = await called;
  call.say('{"title":"x"}');
  call.end();
  await Promise.all([stop(), stop()]);
  const events = await Array.fromAsync(readEvents(response));
  const last = events.at(-1)!;
  assertEquals(events.filter(({ id }) => id.endsWith(".end")), [last]);
  await stop();
  // The outcome is the same for whoever comes later.
  const again = await Array.fromAsync(readEvents(await fetch(path)));
  assertEquals(again.at(-1), last);
  assertEquals(server.reports.length, 1);
  assertEquals(server.errors, []);
});
