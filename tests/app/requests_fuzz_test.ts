/** Requests that no client would send. The same ones in every run. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Config } from "../../lib/app/config.ts";
import {
  ScriptedModel,
  startServer,
  testConfig,
  type TestServer,
} from "../_server.ts";

const TOKEN = "token-of-alice-0123456789";

/** What any request may be answered with; 503 needs a server that is full. */
const STATUSES = new Set(
  [200, 202, 204, 304, 400, 401, 403, 404, 405, 409, 410, 413, 415],
);

/** Numbers that look random (mulberry32). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to, and without, `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * end);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Some of the choices, joined: often one, seldom many. */
  mix(choices: readonly string[]): string {
    let text = this.pick(choices);
    while (this.below(3) === 0) text += this.pick(choices);
    return text;
  }
}

const IDS = ["A", "B", "-"].map((unit) => unit.repeat(22));
const ODD = [
  ...["", " ", "\t", "%", "%00", "%0d%0a", "%ff", "%u0041", "..", "../", "/"],
  ...["//", "\\", "?", "&", "=", ";", ",", ":", "#", '"', "'", "<x>", "*", "~"],
  ...["0", "-1", "1e9", "null", "true", "NaN", "__proto__", "constructor"],
  ...["x".repeat(300), "\u00e9", "\u00ff", "\u0080", "a=b", "a/b", "*/*"],
];
const METHODS = [
  ...["GET", "GET", "GET", "POST", "POST", "DELETE", "HEAD", "OPTIONS", "PUT"],
  ...["PATCH", "PROPFIND", "get", "QUERY", "X"],
];
const PATHS = [
  ...["/helloworld", "/helloworld", "/helloworld", "/session", "/health", "/"],
  ...["/client.js", "/nothing", "/helloworld/", "/static/", "//", "/."],
];
const NAMES = ["id", "prompt", "token", "schema", "ID", "id%00", "__proto__"];
const HEADERS: Record<string, readonly string[]> = {
  "accept": [
    ...["application/json", "text/event-stream", "*/*", "text/*", "a", ";q=0"],
    ...[";q=1", ";q=", ",", "application/json;q=0.5, text/event-stream;q=0.4"],
  ],
  "accept-encoding": ["gzip", "br", "*", "identity;q=0", "x"],
  "authorization": ["Bearer ", "bearer", TOKEN, "Basic eDp5", ","],
  "content-encoding": ["gzip", "deflate", "br", "x"],
  "content-type": [
    ...["application/json", "text/plain", "APPLICATION/JSON", "; charset=x"],
    ...["multipart/form-data; boundary=x", "application/json-patch+json"],
  ],
  "cookie": [
    "fieldstream",
    "=",
    "fieldstream=x",
    "__Host-",
    ";",
    TOKEN,
    "__proto__=1",
  ],
  "forwarded": ["for=1.2.3.4;host=x;proto=https"],
  "if-match": ["*", '"x"', 'W/"x"'],
  "if-modified-since": ["x", "Thu, 01 Jan 1970 00:00:00 GMT"],
  "if-none-match": ["*", '"x"', 'W/"x"', ","],
  "last-event-id": [
    ...IDS.flatMap((id) => [`${id}.0`, `${id}.5`, `${id}.end`]),
    ...[".", ".01", ".-1", ".1e3"],
  ],
  "origin": ["null", "https://a.example", "http://localhost", "x", "https:"],
  "range": ["bytes=0-", "bytes=5-2", "bytes=-1", "bytes=x", "items=0-1"],
  "referer": ["https://a.example/", "x"],
  "sec-fetch-dest": ["document", "iframe", "empty", "x"],
  "sec-fetch-mode": ["cors", "navigate", "no-cors", "x"],
  "sec-fetch-site": ["same-origin", "same-site", "cross-site", "none", "x"],
  "sec-purpose": ["prefetch", "prefetch;prerender", "x"],
  "x-forwarded-for": ["1.2.3.4", "::1", "x", ",", "1.2.3.4:5"],
  "x-forwarded-host": ["a.example"],
  "x-forwarded-proto": ["https", "http", "x"],
  "x-http-method-override": ["DELETE"],
};
const BODIES = [
  ...["{", "}", "[", "]", '"', ":", ",", "null", "1", "{}", "\\", "\u0000"],
  ...[
    '{"prompt":"x"}',
    '{"prompt":1}',
    '{"token":"x"}',
    `"${TOKEN}"`,
    "\ufeff",
  ],
  ...['{"schema":{"type":"object"}}', '{"schema":', '{"type":"array"}', "--x"],
  ...['{"schema":{"$ref":"#"}}', '{"__proto__":{"a":1}}', "a=b&c=d", "é界😀"],
  ...['{"prompt":"x","schema":{"properties":{"a":{"type":"string"}}}}'],
  ...['{"schema":{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{}}}}'],
  ...[
    "[".repeat(3000),
    '"\\ud800"',
    '{"prompt":"\\ud800"}',
    " ".repeat(70_000),
  ],
];

interface Fuzzed {
  method: string;
  target: string;
  headers: [string, string][];
  body: string | undefined;
}

function fuzz(random: Random): Fuzzed {
  let target = random.pick(PATHS);
  if (random.below(4) === 0) target += random.mix(ODD);
  if (random.below(2) === 0) {
    target += `?${random.pick(NAMES)}=`;
    target += random.below(3) === 0 ? random.mix(ODD) : random.pick(IDS);
    if (random.below(4) === 0) target += `&prompt=${random.mix(ODD)}`;
  }
  const headers: [string, string][] = [];
  for (let count = random.below(5); count > 0; count--) {
    const name = random.pick(Object.keys(HEADERS));
    const values = random.below(4) === 0 ? ODD : HEADERS[name]!;
    headers.push([name, random.mix(values)]);
  }
  const method = random.pick(METHODS);
  const body = random.below(2) === 0 ? random.mix(BODIES) : undefined;
  if (body !== undefined && random.below(3) > 0) {
    headers.push(["content-type", "application/json"]);
  }
  return { method, target, headers, body };
}

/** What the settings of a server can be. */
const CONFIGS: Partial<Config>[] = [
  {},
  { accessTokens: [TOKEN] },
  { corsOrigins: ["https://a.example"], trustProxy: true },
  { accessTokens: [TOKEN], corsOrigins: ["http://localhost"] },
];

/** A server whose model says anything, and ends. */
function start(config: Partial<Config>): TestServer {
  const random = new Random(1);
  const model = new ScriptedModel((call) => {
    call.say(random.mix(BODIES));
    if (random.below(4) === 0) call.fail(new Error("fails"));
    else call.end(random.pick(["stop", "length", "content_filter"]));
  });
  return startServer({ ask: model.ask, config: testConfig(config) });
}

async function checkResponse(
  response: Response,
  how: string,
  seen: Set<number>,
): Promise<void> {
  const { status, headers } = response;
  seen.add(status);
  assert(STATUSES.has(status), `${status}: ${how}`);
  assertEquals(headers.get("x-content-type-options"), "nosniff", how);
  const text = await response.text();
  if (status < 400) return;
  assertEquals(headers.get("content-type"), "application/json", how);
  if (text === "") return; // the answer to a HEAD, where that is kept
  const body = JSON.parse(text);
  assertEquals(Object.keys(body), ["status", "code", "message"], how);
  assertEquals(body.status, "error");
}

Deno.test("18,000 odd requests to the handler are answered, and none with a fault", async () => {
  const random = new Random(8);
  const seen = new Set<number>();
  let made = 0;
  for (const config of CONFIGS) {
    await using server = start(config);
    for (let batch = 0; batch < 45; batch++) {
      const answers: Promise<void>[] = [];
      while (answers.length < 100) {
        const fuzzed = fuzz(random);
        let request: Request;
        try {
          const { method, target, headers, body } = fuzzed;
          request = new Request(`http://localhost${target}`, {
            method,
            headers,
            ...(method !== "GET" && method !== "HEAD" && body !== undefined &&
              { body }),
          });
        } catch {
          continue; // not even a request
        }
        made++;
        answers.push(
          server.handle(request)
            .then((response) =>
              checkResponse(response, JSON.stringify(fuzzed), seen)
            ),
        );
      }
      await Promise.all(answers);
    }
    assertEquals(server.errors, []);
    assertEquals(server.budgets.openStreams, 0);
  }
  assertEquals(made, 18_000);
  // They got everywhere.
  assertEquals(seen, STATUSES);
});

/** Reads until the server closes; what it said. */
async function exchange(
  port: number,
  { bytes, isWhole }: { bytes: Uint8Array; isWhole: boolean },
): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let text = "";
  try {
    for (let at = 0; at < bytes.length;) {
      at += await connection.write(bytes.subarray(at));
    }
    // What is missing will not come; without this, Deno would wait for it.
    if (!isWhole) await connection.closeWrite();
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return text;
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
  } catch (error) {
    // A server may hang up on somebody who is still talking.
    if (
      error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.NotConnected
    ) return text;
    throw error;
  }
}

/** A request as bytes: whole, or broken somewhere between its first and last. */
function toBytes(
  { method, target, headers, body = "" }: Fuzzed,
  random: Random,
): { bytes: Uint8Array; isWhole: boolean } {
  const isWhole = random.below(2) === 0;
  const breaks = (odds: number) => !isWhole && random.below(odds) === 0;
  const version = breaks(8) ? random.pick(["1.0", "1.2", "2.0", ""]) : "1.1";
  const path = breaks(8) ? target : encodeURI(target);
  const lines = [`${method} ${path} HTTP/${version}`];
  if (!breaks(10)) lines.push("Host: localhost");
  if (breaks(4)) lines.push(`Host: ${random.mix(ODD)}`);
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const length = new TextEncoder().encode(body).length;
  let framed = body;
  if (random.below(4) === 0) {
    lines.push("Transfer-Encoding: chunked");
    framed = `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    if (length === 0) framed = "0\r\n\r\n";
  } else lines.push(`Content-Length: ${length}`);
  if (breaks(4)) lines.push(`Content-Length: ${length + random.below(3) - 1}`);
  if (breaks(8)) lines.push(`Content-Length: ${random.mix(ODD)}`);
  if (breaks(8)) lines.push(random.mix(ODD));
  if (!breaks(2)) lines.push("Connection: close");
  const end = breaks(10) ? "\n" : "\r\n";
  const text = lines.join(end) + end + end + framed;
  const bytes = new TextEncoder().encode(text);
  while (breaks(3)) bytes[random.below(bytes.length)] = random.below(256);
  const isCut = breaks(4);
  return {
    bytes: isCut ? bytes.subarray(0, random.below(bytes.length)) : bytes,
    isWhole,
  };
}

Deno.test("4,000 odd requests over TCP are answered or refused, and none with a fault", async () => {
  const random = new Random(88);
  const kinds = new Map<string, number>();
  let made = 0;
  for (const config of CONFIGS) {
    await using server = start(config);
    const port = Number(new URL(server.url).port);
    for (let batch = 0; batch < 20; batch++) {
      await Promise.all(Array.from({ length: 50 }, async () => {
        const request = toBytes(fuzz(random), random);
        made++;
        const answer = await exchange(port, request);
        const text = new TextDecoder().decode(request.bytes);
        const how = JSON.stringify([text, answer]);
        // Nothing at all: what came was no request.
        const kind = /^HTTP\/1\.[01] (\d{3}) /.exec(answer)?.[1] ?? "none";
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        if (request.isWhole) assertMatch(kind, /^[234]\d\d$/, how);
        else assertMatch(kind, /^([234]\d\d|none)$/, how);
      }));
    }
    // It is well, and has let go of everything.
    const response = await fetch(`${server.url}/health`);
    assertEquals((await response.json()).status, "ok");
    assertEquals(server.errors, []);
  }
  assertEquals(made, 4000);
  // Not all were turned away at the door.
  assert((kinds.get("200") ?? 0) > 100, JSON.stringify([...kinds]));
});
