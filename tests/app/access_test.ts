import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Access } from "../../lib/app/access.ts";
import { type Config, ConfigError, readConfig } from "../../lib/app/config.ts";
import { makeGenerationId } from "../../lib/answers/id.ts";
import {
  readEvents,
  ScriptedModel,
  startServer,
  stateAfter,
  testConfig,
  type TestServer,
} from "../_server.ts";

const ALICE = "token-of-alice-0123456789";
const BOB = "token-of-bob-0123456789ab";
const CLOSED = { accessTokens: [ALICE, BOB] };
const ANSWER = '{"title":"a","summary":"b"}';

/** A server whose model answers at once. */
function startQuick(config: Parameters<typeof testConfig>[0] = {}): {
  server: TestServer;
  model: ScriptedModel;
} {
  const model = new ScriptedModel((call) => {
    call.say(ANSWER);
    call.end();
  });
  return {
    server: startServer({ ask: model.ask, config: testConfig(config) }),
    model,
  };
}

/** Sends a request to the handler itself; only its head matters. */
async function send(
  server: TestServer,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const response = await server.handle(new Request(server.url + path, init));
  await response.body?.cancel();
  return response;
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** Signs in; what a browser would send from then on. */
async function cookieOf(
  server: TestServer,
  token: string,
): Promise<{ cookie: string }> {
  const response = await send(server, "/session", json({ token }));
  const cookie = response.headers.get("set-cookie")!;
  return { cookie: cookie.split(";")[0]! };
}

function json(
  body: unknown,
  headers: Record<string, string> = {},
): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

// ---- Who

Deno.test("without tokens anybody may, and signing in gives no cookie", async () => {
  const { server, model } = startQuick();
  await using _ = server;
  assertEquals((await send(server, "/helloworld")).status, 200);
  assertEquals(model.calls.length, 1);
  const response = await send(server, "/session", json({ token: "any" }));
  assertEquals(response.status, 204);
  assertEquals(response.headers.get("set-cookie"), null);
});

Deno.test("with tokens nobody else may do anything, but see the page and the health", async () => {
  const { server, model } = startQuick(CLOSED);
  await using _ = server;
  const id = makeGenerationId();
  for (const method of ["GET", "POST", "DELETE", "HEAD"]) {
    for (const query of ["", `?id=${id}`, "?prompt=x"]) {
      for (const accept of ["text/event-stream", "application/json"]) {
        const response = await send(server, `/helloworld${query}`, {
          method,
          headers: { accept, "last-event-id": `${id}.end` },
        });
        assertEquals(response.status, 401, `${method} ${query}`);
        assertEquals(response.headers.get("www-authenticate"), "Bearer");
      }
    }
  }
  assertEquals((await send(server, "/health")).status, 200);
  assertEquals((await send(server, "/")).status, 200);
  assertEquals((await send(server, "/client.js")).status, 200);
  assertEquals(model.calls.length, 0);
});

Deno.test("a token counts whole, in one Authorization header, and nowhere else", async () => {
  const { server, model } = startQuick(CLOSED);
  await using _ = server;
  for (
    const authorization of [
      `Bearer ${ALICE}`,
      `bearer ${BOB}`,
      `BEARER   ${BOB} `,
    ]
  ) {
    const { status } = await send(server, "/helloworld", {
      headers: { authorization },
    });
    assertEquals(status, 200, authorization);
  }
  assertEquals(model.calls.length, 3);

  for (
    const authorization of [
      "",
      "Bearer",
      "Bearer ",
      `Bearer ${ALICE.slice(0, -1)}`,
      `Bearer ${ALICE}x`,
      `Bearer ${ALICE.toUpperCase()}`,
      `Bearer ${ALICE},${BOB}`,
      `Bearer ${ALICE}, Bearer ${ALICE}`,
      `Bearer x, Bearer ${ALICE}`,
      `Bearer x ${ALICE}`,
      `Basic ${btoa(`alice:${ALICE}`)}`,
      ALICE,
      `Token ${ALICE}`,
      `Bearer ${"x".repeat(60_000)}`,
      `Bearer${" ".repeat(60_000)}`,
    ]
  ) {
    const { status } = await send(server, "/helloworld", {
      headers: { authorization },
    });
    assertEquals(status, 401, authorization);
  }
  for (const name of ["token", "access_token", "authorization", "key"]) {
    const path = `/helloworld?${name}=${ALICE}`;
    assertEquals((await send(server, path)).status, 401);
  }
  assertEquals(
    (await send(server, `/helloworld`, { headers: { "x-api-key": ALICE } }))
      .status,
    401,
  );
  assertEquals(model.calls.length, 3);
});

Deno.test("signing in gives a cookie that stands for the token and does not hold it", async () => {
  const { server, model } = startQuick(CLOSED);
  await using _ = server;
  const response = await send(server, "/session", json({ token: ALICE }));
  assertEquals(response.status, 204);
  assertEquals(response.headers.get("cache-control"), "no-store");
  const cookie = response.headers.get("set-cookie")!;
  assertMatch(
    cookie,
    /^fieldstream=[\w-]{43}(?=.*; HttpOnly)(?=.*; SameSite=Strict)(?=.*; Path=\/(;|$))/,
  );
  assert(!/secure|domain|expires|max-age/i.test(cookie), cookie);
  assert(!cookie.includes(ALICE));

  const alice = await cookieOf(server, ALICE);
  const bob = await cookieOf(server, BOB);
  assertNotEquals(alice, bob);
  for (const headers of [alice, bob]) {
    assertEquals((await send(server, "/helloworld", { headers })).status, 200);
  }
  assertEquals(model.calls.length, 2);
});

Deno.test("who does not know a token gets no cookie", async () => {
  const { server } = startQuick(CLOSED);
  await using _ = server;
  for (const token of ["", "x", `${ALICE} `, ` ${ALICE}`, "ä", "\0"]) {
    const response = await send(server, "/session", json({ token }));
    assertEquals(response.status, 401, token);
    assertEquals(response.headers.get("set-cookie"), null);
  }
  for (
    const body of [{}, { token: null }, { token: [ALICE] }, [ALICE], ALICE]
  ) {
    const response = await send(server, "/session", json(body));
    assertEquals(response.status, 400);
  }
  // A form of another site's page, which needs no preflight.
  const form = await send(server, "/session", {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: JSON.stringify({ token: ALICE }),
  });
  assertEquals(form.status, 415);
  assertEquals(form.headers.get("set-cookie"), null);
  for (const method of ["GET", "PUT", "DELETE", "HEAD"]) {
    const { status } = await send(server, `/session?token=${ALICE}`, {
      method,
    });
    assertEquals(status, 405);
  }
});

Deno.test("a cookie that was not given counts for nothing", async () => {
  const { server, model } = startQuick(CLOSED);
  await using _ = server;
  const { cookie } = await cookieOf(server, ALICE);
  const [name, value] = cookie.split("=") as [string, string];
  for (
    const forged of [
      `${name}=`,
      `${name}=${ALICE}`,
      `${name}=${value.slice(0, -1)}`,
      `${name}=${value}x`,
      `${name}=${value.toLowerCase()}`,
      `x${name}=${value}`,
      `${name}x=${value}`,
      value,
      `=${value}`,
      "=",
      ";;;=;",
      `__proto__=${value}`,
      `${name}=${"x".repeat(60_000)}`,
      "a=b;".repeat(15_000),
    ]
  ) {
    const { status } = await send(server, "/helloworld", {
      headers: { cookie: forged },
    });
    assertEquals(status, 401, forged.slice(0, 80));
  }
  assertEquals(model.calls.length, 0);
});

Deno.test("a cookie that a sibling host has added changes nobody's session", async () => {
  const { server } = startQuick({ ...CLOSED, trustProxy: true });
  await using _ = server;
  const value = async (token: string) =>
    (await cookieOf(server, token)).cookie.split("=")[1]!;
  const alice = await value(ALICE);
  const bob = await value(BOB);
  const plain = (value: string) => `fieldstream=${value}`;
  const host = (value: string) => `__Host-fieldstream=${value}`;
  const https = { "x-forwarded-proto": "https" };
  for (
    const [cookies, headers, owner] of [
      // Of two names' owners none is believed, in whatever order they come.
      [[plain(alice), plain(bob)], {}, undefined],
      [[plain(bob), plain(alice)], {}, undefined],
      [[plain(alice), plain(bob), plain(alice)], {}, undefined],
      [[host(alice), host(bob)], https, undefined],
      // One that is of nobody takes nobody's session away.
      [[plain(alice), plain("x")], {}, "alice"],
      [[plain(""), plain("x"), plain(bob)], {}, "bob"],
      [[plain(alice), plain(alice)], {}, "alice"],
      [["=x", plain(alice), "=", "x"], {}, "alice"],
      [[plain("x"), plain("y")], {}, undefined],
      // What only this host can have set comes first, and over HTTPS alone.
      [[plain(bob), host(alice)], {}, "alice"],
      [[host(alice), plain(bob)], https, "alice"],
      [[host("x"), plain(bob)], {}, undefined],
      [[plain(bob)], https, undefined],
      [[host(bob)], https, "bob"],
    ] as const
  ) {
    const cookie = cookies.join("; ");
    const id = makeGenerationId();
    const path = `/helloworld?id=${id}`;
    const { status } = await send(server, path, {
      headers: { ...headers, cookie },
    });
    assertEquals(status, owner === undefined ? 401 : 200, cookie);
    if (owner === undefined) continue;
    for (const [name, token] of [["alice", ALICE], ["bob", BOB]] as const) {
      const { status } = await send(server, path, {
        headers: { ...bearer(token), "last-event-id": `${id}.0` },
      });
      assertEquals(status, name === owner ? 200 : 410, cookie);
    }
  }
});

Deno.test("the cookie is for HTTPS only where the page was reached so", async () => {
  async function isSecure(
    config: Partial<Config>,
    headers: Record<string, string>,
    url = "http://fields.example",
  ): Promise<boolean> {
    const { server } = startQuick({ ...CLOSED, ...config });
    await using _ = server;
    const response = await server.handle(
      new Request(`${url}/session`, json({ token: ALICE }, headers)),
    );
    assertEquals(response.status, 204);
    const cookie = response.headers.get("set-cookie")!;
    const secure = /; Secure/i.test(cookie);
    // Only over HTTPS do browsers take a cookie of this name, and only without a
    // domain and for all paths.
    assertEquals(cookie.startsWith("__Host-fieldstream="), secure);
    assert(!/; Domain/i.test(cookie) && /; Path=\/(;|$)/.test(cookie));
    // It counts however the page is reached from then on.
    const { status } = await server.handle(
      new Request(`${url}/helloworld`, {
        method: "HEAD",
        headers: { ...headers, cookie: cookie.split(";")[0]! },
      }),
    );
    assertEquals(status, 200);
    return secure;
  }
  const proxied = { "x-forwarded-proto": "https" };
  assertEquals(await isSecure({}, {}), false);
  assertEquals(await isSecure({}, proxied), false);
  assertEquals(await isSecure({ trustProxy: true }, proxied), true);
  assertEquals(await isSecure({}, {}, "https://fields.example"), true);
  const origin = "https://fields.example";
  assertEquals(await isSecure({}, { origin }), true);
  assertEquals(await isSecure({}, { origin: "http://fields.example" }), false);
});

Deno.test("tokens and cookies are compared in constant time", async () => {
  // Time cannot be tested where others share the machine. The source can: all
  // tokens are gone through, and only the platform's comparison looks at them.
  const path = new URL("../../lib/app/access.ts", import.meta.url);
  const source = await Deno.readTextFile(path);
  const calls = source.match(/timingSafeEqual\(/g) ?? [];
  assertEquals(calls.length, 2, "one for tokens, one for cookies");
  for (const name of ["#ownerOfToken", "#ownerOfSession"]) {
    const start = source.indexOf(`  ${name}(`);
    const body = source.slice(start, source.indexOf("\n  }\n", start));
    assertStringIncludes(body, "for (const entry of this.#tokens)");
    assertStringIncludes(body, "timingSafeEqual(digest, ");
    assert(!/break|===|!==|return (?!owner;)/.test(body), body);
  }
});

// ---- Whose

/** Every way of naming a generation in a request. */
function waysToName(
  id: string,
): { how: string; url: string; init: RequestInit }[] {
  const ways = [];
  for (const method of ["GET", "POST"]) {
    for (const accept of ["text/event-stream", "application/json"]) {
      for (const event of [undefined, `${id}.0`, `${id}.5`, `${id}.end`]) {
        for (const query of ["", `?id=${id}`, `?id=${id}&prompt=x`]) {
          if (event === undefined && query === "") continue;
          const headers: Record<string, string> = { accept };
          if (event !== undefined) headers["last-event-id"] = event;
          const how = `${method} ${query} ${accept} ${event}`;
          ways.push({
            how,
            url: `/helloworld${query}`,
            init: { method, headers },
          });
        }
      }
    }
  }
  return ways;
}

for (const state of ["running", "finished"]) {
  Deno.test(`a generation that is ${state} is nobody's but its owner's`, async () => {
    const model = new ScriptedModel();
    const config = testConfig(CLOSED);
    await using server = startServer({ ask: model.ask, config });
    const called = model.nextCall();
    const response = await fetch(`${server.url}/helloworld`, {
      headers: bearer(ALICE),
    });
    const call = await called;
    call.say('{"title":"Hello');
    const events = readEvents(response);
    const { value: first } = await events.next();
    const id: string = first!.data.id;
    if (state === "finished") {
      call.say('"}');
      call.end();
      await Array.fromAsync(events);
    }

    const bobs = [bearer(BOB), await cookieOf(server, BOB)];
    for (const { how, url, init } of waysToName(id)) {
      for (const bob of bobs) {
        const response = await server.handle(
          new Request(server.url + url, {
            ...init,
            headers: { ...init.headers, ...bob },
          }),
        );
        const text = await response.text();
        if (how.endsWith(".end")) {
          // As for one that never was: nothing to follow.
          assertEquals(response.status, 204, how);
          assertEquals(text, "");
        } else {
          assertEquals(response.status, 410, how);
          assertEquals(JSON.parse(text).code, "expired");
        }
      }
    }
    for (const headers of bobs) {
      const { status } = await send(server, `/helloworld?id=${id}`, {
        method: "DELETE",
        headers,
      });
      assertEquals(status, 204);
    }
    assertEquals(model.calls.length, 1);
    assertEquals(call.signal.aborted, state === "finished");

    // It was not harmed, and whose it is sees it, by token and by cookie.
    if (state === "running") {
      call.say('"}');
      call.end();
      await Array.fromAsync(events);
    }
    for (const alice of [bearer(ALICE), await cookieOf(server, ALICE)]) {
      const again = await fetch(`${server.url}/helloworld?id=${id}`, {
        headers: alice,
      });
      const all = await Array.fromAsync(readEvents(again));
      assertEquals(stateAfter(all), { title: "Hello" });
      assertEquals(all.at(-1)!.data.status, "end");
    }
    assertEquals(model.calls.length, 1);
    assertEquals(server.errors, []);
  });
}

Deno.test("two who bring the same new id: it is the first one's", async () => {
  const { server, model } = startQuick(CLOSED);
  await using _ = server;
  const id = makeGenerationId();
  // Both are still sending their bodies when the id is looked up.
  const statuses = await Promise.all([ALICE, BOB].map(async (token) => {
    const init = json({ prompt: token }, bearer(token));
    return (await send(server, `/helloworld?id=${id}`, init)).status;
  }));
  assertEquals(statuses.sort(), [200, 410]);
  assertEquals(model.calls.length, 1);
});

Deno.test("in open mode whoever knows an id may follow and stop", async () => {
  const model = new ScriptedModel();
  await using server = startServer({ ask: model.ask });
  const called = model.nextCall();
  const id = makeGenerationId();
  const response = await fetch(`${server.url}/helloworld?id=${id}`);
  const call = await called;
  call.say('{"title":"Hello');
  const other = await server.handle(
    new Request(`${server.url}/helloworld?id=${id}`),
  );
  assertEquals(other.status, 200);
  await other.body?.cancel();
  await send(server, `/helloworld?id=${id}`, { method: "DELETE" });
  const events = await Array.fromAsync(readEvents(response));
  assertEquals(events.at(-1)!.data.code, "stopped");
  assert(call.signal.aborted);
});

Deno.test("the cookie counts only from our own pages and listed ones", async () => {
  const listed = "https://listed.example";
  for (const corsOrigins of ["*" as const, [listed]]) {
    const { server } = startQuick({ ...CLOSED, corsOrigins });
    await using _ = server;
    const { cookie } = await cookieOf(server, ALICE);
    const host = new URL(server.url).host;
    const ours = `http://${host}`;
    const isListed = corsOrigins !== "*";
    for (
      const [origin, site, may] of [
        [undefined, undefined, true],
        [undefined, "none", true],
        [undefined, "same-origin", true],
        [ours, "same-origin", true],
        [ours, undefined, true],
        // Behind a proxy that does not pass the host on.
        ["https://fields.example", "same-origin", true],
        [listed, "same-site", isListed],
        [listed, undefined, isListed],
        [undefined, "same-site", false],
        [undefined, "cross-site", false],
        [undefined, "anything else", false],
        ["http://localhost:3000", "same-site", false],
        ["https://sibling.fields.example", "same-site", false],
        ["https://sibling.fields.example", undefined, false],
        [`${ours}0`, undefined, false],
        [ours, "cross-site", false],
        ["null", undefined, false],
        ["null", "cross-site", false],
        ["", undefined, false],
      ] as const
    ) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const headers: Record<string, string> = { cookie, host };
        if (origin !== undefined) headers.origin = origin;
        if (site !== undefined) headers["sec-fetch-site"] = site;
        const { status } = await send(server, "/helloworld", {
          method,
          headers,
        });
        const refused = isListed ? 403 : 401;
        const expected = may ? (method === "DELETE" ? 204 : 200) : refused;
        assertEquals(status, expected, `${method} ${origin} ${site}`);
      }
    }
  }
});

// ---- From where

Deno.test("by default any page may read, without credentials", async () => {
  const { server } = startQuick();
  await using _ = server;
  for (const path of ["/helloworld", "/health", "/", "/nothing", "/session"]) {
    for (const method of ["GET", "OPTIONS"]) {
      const { headers } = await send(server, path, {
        method,
        headers: { origin: "https://any.example" },
      });
      assertEquals(headers.get("access-control-allow-origin"), "*");
      assertEquals(headers.get("access-control-allow-credentials"), null);
      assertEquals(headers.get("access-control-expose-headers"), "Retry-After");
    }
  }
});

Deno.test("with a list only its pages may read, with credentials", async () => {
  const corsOrigins = ["https://a.example", "http://b.example:8080"];
  const { server } = startQuick({ corsOrigins });
  await using _ = server;
  for (const path of ["/helloworld", "/health", "/", "/nothing", "/session"]) {
    for (const method of ["GET", "OPTIONS", "PUT"]) {
      for (const origin of corsOrigins) {
        const { headers } = await send(server, path, {
          method,
          headers: { origin },
        });
        assertEquals(headers.get("access-control-allow-origin"), origin);
        assertEquals(headers.get("access-control-allow-credentials"), "true");
        assertMatch(headers.get("vary")!, /\bOrigin\b/);
      }
      for (
        const origin of [
          undefined,
          "null",
          "*",
          "https://a.example.evil.example",
          "https://evil-a.example",
          "https://sub.a.example",
          "http://a.example",
          "https://a.example:444",
          "HTTPS://A.EXAMPLE",
          "https://a.example, https://evil.example",
          "http://b.example",
        ]
      ) {
        const { headers } = await send(server, path, {
          method,
          headers: origin === undefined ? {} : { origin },
        });
        assertEquals(headers.get("access-control-allow-origin"), null, origin);
        assertEquals(headers.get("access-control-allow-credentials"), null);
        // A cache must not give one page what another was told.
        assertMatch(headers.get("vary")!, /\bOrigin\b/);
      }
    }
  }
});

Deno.test("a preflight says what pages may send", async () => {
  const { server } = startQuick({ corsOrigins: ["https://a.example"] });
  await using _ = server;
  const { status, headers } = await send(server, "/helloworld", {
    method: "OPTIONS",
    headers: {
      origin: "https://a.example",
      "access-control-request-method": "DELETE",
      "access-control-request-headers": "authorization",
    },
  });
  assertEquals(status, 204);
  assertEquals(
    headers.get("access-control-allow-methods"),
    "GET, POST, DELETE, HEAD, OPTIONS",
  );
  assertEquals(
    headers.get("access-control-allow-headers"),
    "Content-Type, Authorization, Last-Event-ID",
  );
});

Deno.test("pages that are not in the list start and stop nothing, however they ask", async () => {
  const model = new ScriptedModel();
  const corsOrigins = ["https://listed.example"];
  const id = makeGenerationId();
  for (const accessTokens of [[], [ALICE]]) {
    const config = testConfig({ corsOrigins, accessTokens });
    await using server = startServer({ ask: model.ask, config });
    const evil = "https://evil.example";
    const simple: [string, string, Record<string, string>][] = [
      // fetch, EventSource: CORS requests.
      ["cors", "GET", { origin: evil }],
      ["cors", "GET", { origin: evil, "sec-fetch-site": "cross-site" }],
      ["text", "POST", { origin: evil, "content-type": "text/plain" }],
      ["json", "POST", { origin: evil, "content-type": "application/json" }],
      ["delete", "DELETE", { origin: evil }],
      // Sandboxed frames, files, data: URLs, redirects.
      ["null", "GET", { origin: "null" }],
      ["null", "POST", { origin: "null", "content-type": "text/plain" }],
      // Links, forms, windows: no Origin for a GET.
      ["link", "GET", {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
      }],
      ["sibling's link", "GET", {
        "sec-fetch-site": "same-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
      }],
      // Images, scripts, styles, fetch with no-cors.
      ["image", "GET", {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "no-cors",
        "sec-fetch-dest": "image",
      }],
      ["own image", "GET", {
        "sec-fetch-site": "same-origin",
        "sec-fetch-mode": "no-cors",
      }],
      ["frame", "GET", {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "iframe",
      }],
      ["prefetch", "GET", {
        "sec-fetch-site": "none",
        "sec-purpose": "prefetch;prerender",
      }],
    ];
    for (const [how, method, headers] of simple) {
      for (const path of ["/helloworld?prompt=x", `/helloworld?id=${id}`]) {
        const { status } = await send(server, path, {
          method,
          // Even one that knows the token.
          headers: { ...headers, ...bearer(ALICE) },
          ...(method === "POST" && { body: '{"prompt":"x"}' }),
        });
        assertEquals(status, 403, how);
      }
    }
    const signIn = json({ token: ALICE }, { origin: evil });
    assertEquals((await send(server, "/session", signIn)).status, 403);
  }
  assertEquals(model.calls.length, 0);
});

Deno.test("in any mode nothing is started by an image, a frame or a prefetch", async () => {
  const { server, model } = startQuick();
  await using _ = server;
  const agents = [
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slackbot 1.0 (+https://api.slack.com/robots)",
    "Slack-ImgProxy (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Twitterbot/1.0",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    // iMessage, and Lark.
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Mozilla/5.0 (compatible; LarkUrl2Meta/1.0)",
    "facebookexternalhit/1.1;line-poker/1.0",
    "facebookexternalhit/1.1; kakaotalk-scrap/1.0",
    "Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)",
    "Mozilla/5.0 (compatible; Pinterestbot/1.0)",
    "Snap URL Preview Service; bot; snapchat; https://developers.snap.com",
    "Synapse (bot; +https://github.com/matrix-org/synapse)",
    "Bluesky Cardyb/1.1; +mailto:support@bsky.app",
    "DingTalkBot-LinkService/1.0",
  ];
  const prefetches: Record<string, string>[] = [
    { "sec-fetch-mode": "no-cors" },
    { "sec-fetch-dest": "iframe" },
    { "sec-fetch-dest": "object" },
    { "sec-purpose": "prefetch" },
    { "sec-purpose": "prefetch;prerender" },
    { "purpose": "prefetch" },
    { "purpose": "Preview" },
    { "x-purpose": "preview" },
    { "x-purpose": "prefetch" },
    { "x-moz": "prefetch" },
    ...agents.map((agent) => ({ "user-agent": agent })),
  ];
  for (const headers of prefetches) {
    for (const method of ["GET", "POST", "HEAD"]) {
      const { status } = await send(server, "/helloworld", { method, headers });
      assertEquals(status, 403, JSON.stringify(headers));
    }
  }
  assertEquals(model.calls.length, 0);
  assertEquals(server.generations.running, 0);
});

Deno.test("a person's browser is not taken for a preview", async () => {
  const { server, model } = startQuick();
  await using _ = server;
  const agents = [
    "curl/8.5.0",
    "node",
    "Deno/2.9.6",
    "python-requests/2.32",
    "my-chatbot/1.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    // Browsers inside chat programs, which a person looks at.
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.42 Language/zh_CN",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Safari Line/13.20.0",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/440.0.0.0;]",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Twitter for iPhone/10.0",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 Instagram 300.0",
    "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Mobile/15E148 [Pinterest/iOS]",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 DingTalk/7.5 Lark/7.1 Snapchat/12",
  ];
  for (const agent of agents) {
    const { status } = await send(server, "/helloworld", {
      headers: { "user-agent": agent, "accept": "application/json" },
    });
    assertEquals(status, 202, agent);
  }
  assertEquals(model.calls.length, agents.length);
});

Deno.test("a name that leads here from elsewhere makes no page our own", async () => {
  const corsOrigins = ["https://listed.example", "https://own.example"];
  async function statusAt(
    url: string,
    headers: Record<string, string>,
    accessTokens: string[] = [],
  ): Promise<number> {
    const { server } = startQuick({ corsOrigins, accessTokens });
    await using _ = server;
    const response = await server.handle(
      new Request(`${url}/helloworld`, { headers }),
    );
    await response.body?.cancel();
    return response.status;
  }
  // What a page on evil.example sends once its name leads to this machine.
  const rebound = "http://evil.example:5001";
  assertEquals(await statusAt(rebound, {}), 403);
  assertEquals(await statusAt(rebound, { origin: rebound }), 403);
  assertEquals(
    await statusAt(rebound, { host: "evil.example:5001", origin: rebound }),
    403,
  );
  for (
    const own of [
      "http://localhost:5001",
      "http://127.0.0.1:5001",
      "http://192.168.1.5:5001",
      "http://[::1]:5001",
      "http://fieldstream:5001",
      "http://own.example",
    ]
  ) {
    assertEquals(await statusAt(own, {}), 200, own);
    if (!own.includes("own.")) {
      assertEquals(await statusAt(own, { origin: own }), 200, own);
    }
  }
  // With tokens it has no token.
  assertEquals(await statusAt(rebound, {}, [ALICE]), 401);
  assertEquals(await statusAt(rebound, bearer(ALICE), [ALICE]), 200);
});

Deno.test("a malformed origin or token is an error at start-up", () => {
  const read = (settings: Record<string, string>) =>
    readConfig({ get: (name) => settings[name] });
  assertEquals(read({}).corsOrigins, "*");
  assertEquals(
    read({ CORS_ORIGINS: "https://a.example, http://b.example:8080" })
      .corsOrigins,
    ["https://a.example", "http://b.example:8080"],
  );
  for (
    const origins of [
      "a.example",
      "https://a.example/",
      "https://a.example/path",
      "https://A.example",
      "https://a.example:443",
      "https://*.a.example",
      "https://a.example,",
      "*, https://a.example",
      "https://user@a.example",
      "null",
      "file:///",
      "https://a.example https://b.example",
      "https://ä.example",
      "javascript:alert(1)",
    ]
  ) {
    const error = assertThrows(
      () => read({ CORS_ORIGINS: origins }),
      ConfigError,
    );
    assertStringIncludes(error.message, "CORS_ORIGINS");
  }
  assertEquals(read({ ACCESS_TOKENS: `${ALICE}, ${BOB}` }).accessTokens, [
    ALICE,
    BOB,
  ]);
  for (const tokens of ["short", `${ALICE},`, `${ALICE},x`, "ä".repeat(20)]) {
    const error = assertThrows(
      () => read({ ACCESS_TOKENS: tokens }),
      ConfigError,
    );
    assertStringIncludes(error.message, "ACCESS_TOKENS");
    assert(!error.message.includes(tokens), "the message holds no token");
  }
});

// ---- How much

Deno.test("a client has so many streams, and gets one back when one closes", async () => {
  const model = new ScriptedModel();
  const config = testConfig({ ...CLOSED, limits: { streamsPerClient: 2 } });
  await using server = startServer({ ask: model.ask, config });
  const start = (token: string) =>
    server.handle(
      new Request(`${server.url}/helloworld`, { headers: bearer(token) }),
    );
  const open = [await start(ALICE), await start(ALICE)];
  const refused = await start(ALICE);
  assertEquals(refused.status, 429);
  assertMatch(refused.headers.get("retry-after")!, /^[1-9]\d*$/);
  assertEquals((await refused.json()).code, "too_many_streams");
  assertEquals(model.calls.length, 2, "what is refused starts nothing");

  open.push(await start(BOB));
  assertEquals(open[2]!.status, 200);
  assertEquals(server.budgets.openStreams, 3);
  await open[0]!.body!.cancel();
  open[0] = await start(ALICE);
  assertEquals(open[0].status, 200);
  for (const { body } of open) await body!.cancel();
  assertEquals(server.budgets.openStreams, 0);
});

Deno.test("all clients together have so many streams", async () => {
  const model = new ScriptedModel();
  const config = testConfig({ ...CLOSED, limits: { streams: 2 } });
  await using server = startServer({ ask: model.ask, config });
  const start = (token: string, accept = "text/event-stream") =>
    server.handle(
      new Request(`${server.url}/helloworld`, {
        headers: { ...bearer(token), accept },
      }),
    );
  const open = [await start(ALICE), await start(BOB)];
  for (const accept of ["text/event-stream", "application/json"]) {
    const refused = await start(BOB, accept);
    assertEquals(refused.status, 503);
    assertMatch(refused.headers.get("retry-after")!, /^[1-9]\d*$/);
    assertEquals((await refused.json()).code, "overloaded");
  }
  // Nor can generations pile up that nobody follows.
  for (const { body } of open) await body!.cancel();
  const abandoned = await start(BOB, "application/json");
  assertEquals(abandoned.status, 503);
  await abandoned.body!.cancel();
  assertEquals(model.calls.length, 2);
});

Deno.test("a client starts so many generations a minute; to resume is not to start", async () => {
  const { server, model } = startQuick({
    ...CLOSED,
    limits: { generationsPerMinute: 3, resumesPerMinute: 5 },
  });
  await using _ = server;
  const alice = bearer(ALICE);
  const ids = [1, 2, 3].map(() => makeGenerationId());
  const polled = { ...alice, accept: "application/json" };
  for (const id of ids) {
    const path = `/helloworld?id=${id}`;
    assertEquals(
      (await send(server, path, { headers: polled })).status,
      202,
    );
  }
  for (const headers of [alice, polled]) {
    const refused = await send(server, "/helloworld", { headers });
    assertEquals(refused.status, 429);
    const seconds = Number(refused.headers.get("retry-after"));
    assert(seconds >= 1 && seconds <= 60, `${seconds}`);
  }
  // Resuming, polling, and asking again under the same id.
  const path = `/helloworld?id=${ids[0]}`;
  const lastEvent = { ...alice, "last-event-id": `${ids[0]}.3` };
  for (
    const init of [
      { headers: alice },
      { headers: polled },
      { headers: lastEvent },
      json({}, alice),
      { headers: polled },
    ]
  ) {
    assertEquals((await send(server, path, init)).status, 200);
  }
  for (const headers of [alice, polled]) {
    const refused = await send(server, path, { headers });
    assertEquals(refused.status, 429);
    assertMatch(refused.headers.get("retry-after")!, /^[1-9]\d*$/);
  }
  // Who is told that there is nothing more, and who stops, is not counted.
  const ended = { headers: { ...alice, "last-event-id": `${ids[0]}.end` } };
  assertEquals((await send(server, path, ended)).status, 204);
  const stop = { method: "DELETE", headers: alice };
  assertEquals((await send(server, path, stop)).status, 204);
  assertEquals(model.calls.length, 3);
  // The other client has lost nothing, though it comes from the same address.
  assertEquals(
    (await send(server, "/helloworld", { headers: bearer(BOB) })).status,
    200,
  );
});

Deno.test("what starts nothing is no generation", async () => {
  const { server, model } = startQuick({ limits: { generationsPerMinute: 1 } });
  await using _ = server;
  for (
    const [path, init, status] of [
      ["/helloworld?id=x", {}, 400],
      ["/helloworld", json({ prompt: 1 }), 400],
      ["/helloworld", json({ schema: [] }), 400],
      ["/helloworld", json({ prompt: "x".repeat(9000) }), 413],
      ["/helloworld", { headers: { "sec-fetch-mode": "no-cors" } }, 403],
      ["/helloworld", { method: "HEAD" }, 200],
    ] as const
  ) {
    assertEquals((await send(server, path, init)).status, status);
  }
  // Two at once under one id: the second follows the first.
  const id = makeGenerationId();
  const statuses = await Promise.all([1, 2].map(async () => {
    const init = json({ prompt: "x" });
    return (await send(server, `/helloworld?id=${id}`, init)).status;
  }));
  assertEquals(statuses, [200, 200]);
  assertEquals(model.calls.length, 1);
  assertEquals((await send(server, "/helloworld")).status, 429);
});

Deno.test("who guesses tokens at the door has to wait", async () => {
  const { server } = startQuick({ ...CLOSED, limits: { resumesPerMinute: 3 } });
  await using _ = server;
  const guess = json({ token: "a guess that is wrong" });
  for (let n = 0; n < 3; n++) {
    assertEquals((await send(server, "/session", guess)).status, 401);
  }
  const refused = await send(server, "/session", json({ token: ALICE }));
  assertEquals(refused.status, 429);
  assertMatch(refused.headers.get("retry-after")!, /^[1-9]\d*$/);
  // Those who are in are not at the door.
  assertEquals(
    (await send(server, "/helloworld", { headers: bearer(ALICE) })).status,
    200,
  );
});

Deno.test("X-Forwarded-For counts only from a trusted proxy, and its last entry", () => {
  function clientOf(
    trustProxy: boolean,
    forwarded: string | undefined,
    address = "192.0.2.1",
  ): string {
    const access = new Access(testConfig({ trustProxy }));
    const headers = new Headers();
    if (forwarded !== undefined) headers.set("x-forwarded-for", forwarded);
    const request = new Request("http://localhost/", { headers });
    return access.identify(request, address)!.client;
  }
  assertEquals(clientOf(false, undefined), "192.0.2.1");
  assertEquals(clientOf(false, "203.0.113.7"), "192.0.2.1");
  assertEquals(clientOf(true, undefined), "192.0.2.1");
  assertEquals(clientOf(true, "203.0.113.7"), "203.0.113.7");
  assertEquals(clientOf(true, "198.51.100.9, 203.0.113.7"), "203.0.113.7");
  // What is no address is no client: else each request could be a new one.
  for (
    const forwarded of [
      "",
      "unknown",
      "203.0.113.7, ",
      "203.0.113.7:4711",
      "203.0.113.999",
      "x".repeat(60_000),
      "_hidden",
    ]
  ) assertEquals(clientOf(true, forwarded), "192.0.2.1", forwarded);

  // An IPv6 client is its network.
  for (
    const [address, client] of [
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
      ["2001:DB8:1:2::1", "2001:db8:1:2"],
      ["2001:db8::1", "2001:db8:0:0"],
      ["2001:db8:0:0:1::", "2001:db8:0:0"],
      ["::1", "0:0:0:0"],
      ["::", "0:0:0:0"],
      ["fe80::1%eth0", "fe80:0:0:0"],
      ["::ffff:192.0.2.1", "::ffff:c000:201"],
      ["::ffff:192.0.2.2", "::ffff:c000:202"],
      ["local", "local"],
    ] as const
  ) {
    assertEquals(clientOf(false, undefined, address), client);
    if (address !== "local") assertEquals(clientOf(true, address), client);
  }
});

Deno.test("a client with a token is its token, wherever it comes from", () => {
  const access = new Access(testConfig(CLOSED));
  const ask = (token: string, address: string) =>
    access.identify(
      new Request("http://localhost/", { headers: bearer(token) }),
      address,
    )!;
  const alice = ask(ALICE, "192.0.2.1");
  assertEquals(ask(ALICE, "192.0.2.2"), alice);
  assertNotEquals(ask(BOB, "192.0.2.1"), alice);
  assert(!JSON.stringify(alice).includes(ALICE));
});
