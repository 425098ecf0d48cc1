import { DEFAULT_ATTEMPTS } from "../../lib/answers/attempts.ts";
import { DEFAULT_LIMITS } from "../../lib/answers/limits.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Config,
  ConfigError,
  readConfig,
  secretsOf,
} from "../../lib/app/config.ts";
import { DEMO_MODEL } from "../../lib/models/demo/model.ts";
import { DEFAULT_SCHEMA } from "../../lib/schemas/schema.ts";

/** What these settings make; no others are seen. */
function configOf(settings: Record<string, string>): Config {
  const environment = new Map(Object.entries(settings));
  return readConfig({ get: (name) => environment.get(name) });
}

/** The lines that say what is wrong. */
function mistakesIn(settings: Record<string, string>): string[] {
  const error = assertThrows(() => configOf(settings), ConfigError);
  return error.message.split("\n");
}

Deno.test("without settings the demo model answers everybody on port 5001", () => {
  const { model, ...config } = configOf({});
  assertEquals(config, {
    host: "0.0.0.0",
    port: 5001,
    isProxied: false,
    attempts: DEFAULT_ATTEMPTS,
    prompt: "请介绍科技发展的新趋势",
    schema: DEFAULT_SCHEMA,
    schemaGiven: false,
    idleKey: undefined,
    addresses: new Map([["/helloworld", "open" as const]]),
    accessTokens: [],
    corsOrigins: "*",
    trustProxy: false,
    logPrompts: false,
    logFormat: "text",
    metrics: false,
    store: undefined,
    durable: false,
    limits: { ...DEFAULT_LIMITS },
  });
  assertEquals(model.model, DEMO_MODEL);
  assertEquals(model.responseFormat, "json_schema");
  assert(model.fetch !== undefined);
});

Deno.test("a setting that is empty is not set", () => {
  const names = [
    ...["PORT", "HOST", "PROMPT", "LIMITS", "SCHEMA_FILE", "MODEL_PARAMETERS"],
    ...[
      "RESPONSE_FORMAT",
      "SYSTEM_ROLE",
      "CONTINUE",
      "ARK_API_KEY",
      "ARK_MODEL",
      "ARK_BASE_URL",
    ],
    ...["OPENAI_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ACCESS_TOKENS"],
    ...["CORS_ORIGINS", "TRUST_PROXY", "LOG_PROMPTS"],
  ];
  for (const empty of ["", "  ", "\n"]) {
    const config = configOf(
      Object.fromEntries(names.map((name) => [name, empty])),
    );
    const { model, ...rest } = configOf({});
    assertEquals({ ...config, model: undefined }, {
      ...rest,
      model: undefined,
    });
    assertEquals({ ...config.model, fetch: undefined }, {
      ...model,
      fetch: undefined,
    });
  }
});

Deno.test("a key chooses Ark, a model's name any provider, and a key that lies around nothing", () => {
  const ark = {
    baseURL: "https://ark.cn-beijing.volces.com/api/v3",
    apiKey: "ark-key",
    model: "doubao-seed-1-6-251015",
    responseFormat: "json_object",
    systemRole: "system",
    continues: undefined,
    parameters: {},
  };
  const openai = {
    ...ark,
    baseURL: "https://api.openai.com/v1",
    apiKey: undefined,
    model: "m",
  };
  const local = "http://127.0.0.1:11434/v1";
  const choices: [
    settings: Record<string, string>,
    model: object | undefined,
  ][] = [
    [{ ARK_API_KEY: "ark-key" }, ark],
    [{ ARK_API_KEY: " ark-key\n", ARK_MODEL: "n", ARK_BASE_URL: local }, {
      ...ark,
      ...{ model: "n", baseURL: local },
    }],
    [{ ARK_API_KEY: "ark-key", OPENAI_MODEL: "m", OPENAI_API_KEY: "k" }, ark],
    [{ OPENAI_MODEL: "m" }, openai],
    [{ OPENAI_MODEL: "m", OPENAI_API_KEY: "k" }, { ...openai, apiKey: "k" }],
    [{ OPENAI_MODEL: "m", OPENAI_BASE_URL: local, ARK_MODEL: "n" }, {
      ...openai,
      baseURL: local,
    }],
    [{ OPENAI_API_KEY: "k", OPENAI_BASE_URL: local }, undefined],
    [{ ARK_MODEL: "n", ARK_BASE_URL: local }, undefined],
  ];
  for (const [settings, model] of choices) {
    const config = configOf(settings);
    if (model !== undefined) assertEquals<object>(config.model, model);
    else assertEquals(config.model.model, DEMO_MODEL);
  }
});

Deno.test("a key that nothing is asked with is told", () => {
  const key = { OPENAI_API_KEY: "k" };
  const idle = (settings: Record<string, string>) => configOf(settings).idleKey;
  assertEquals(idle({}), undefined);
  assertEquals(idle(key), "OPENAI_API_KEY");
  assertEquals(idle({ ...key, ARK_API_KEY: "a" }), "OPENAI_API_KEY");
  assertEquals(idle({ ...key, OPENAI_MODEL: "m" }), undefined);
  assertEquals(idle({ ARK_API_KEY: "a", OPENAI_MODEL: "m" }), undefined);
});

Deno.test("there may be a proxy where one is named, or where nobody may look", () => {
  for (const name of ["http_proxy", "ALL_PROXY", "all_proxy"]) {
    assertEquals(configOf({ [name]: "http://127.0.0.1:3128" }).isProxied, true);
    assertEquals(configOf({ [name]: "" }).isProxied, false);
  }
  const { isProxied } = readConfig({
    get(name) {
      if (name === "TRUST_PROXY" || !/proxy$/i.test(name)) return undefined;
      throw new Deno.errors.NotCapable(`Requires env access to "${name}"`);
    },
  });
  assertEquals(isProxied, true);
});

Deno.test("settings are read", () => {
  const file = Deno.makeTempFileSync();
  try {
    const schema = { type: "array", items: { type: "string" } };
    Deno.writeTextFileSync(file, JSON.stringify(schema));
    const { model, ...config } = configOf({
      PORT: "0",
      HOST: "127.0.0.1",
      PROMPT: " Hello ",
      LIMITS: '{"lingerSeconds":0.5,"depth":7}',
      CONTINUATIONS: "0",
      RESTARTS: "2",
      RETRIES_INVALID: "100",
      ABORT_INVALID: "true",
      SCHEMA_FILE: file,
      MODEL_PARAMETERS: '{"temperature":0}',
      RESPONSE_FORMAT: "text",
      ACCESS_TOKENS: "0123456789abcdef, fedcba9876543210",
      CORS_ORIGINS: "https://a.example, http://localhost:8080",
      TRUST_PROXY: "true",
      LOG_PROMPTS: "1",
      LOG_FORMAT: "json",
      METRICS: "on",
      STORE: "sqlite:answers.db",
      DURABLE: "true",
      HTTP_PROXY: "http://127.0.0.1:3128",
    });
    assertEquals(config, {
      host: "127.0.0.1",
      port: 0,
      isProxied: true,
      attempts: {
        ...{ continuations: 0, restarts: 2, retriesInvalid: 100 },
        abortInvalid: true,
      },
      prompt: "Hello",
      schema,
      schemaGiven: true,
      idleKey: undefined,
      addresses: new Map([["/helloworld", "open" as const]]),
      accessTokens: ["0123456789abcdef", "fedcba9876543210"],
      corsOrigins: ["https://a.example", "http://localhost:8080"],
      trustProxy: true,
      logPrompts: true,
      logFormat: "json",
      metrics: true,
      store: "sqlite:answers.db",
      durable: true,
      limits: { ...DEFAULT_LIMITS, lingerSeconds: 0.5, depth: 7 },
    });
    assertEquals(model.parameters, { temperature: 0 });
    // The demo model knows one way only.
    assertEquals(model.responseFormat, "json_schema");
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("a provider is told of the shape as it likes", () => {
  for (const format of ["json_schema", "json_object", "text"]) {
    const settings = { OPENAI_MODEL: "m", RESPONSE_FORMAT: format };
    assertEquals<string>(configOf(settings).model.responseFormat, format);
  }
  for (const role of ["system", "developer", "user"] as const) {
    const settings = { OPENAI_MODEL: "m", SYSTEM_ROLE: role };
    assertEquals(configOf(settings).model.systemRole, role);
  }
  for (const way of ["off", "prefix", "final-message", "trailing"] as const) {
    const settings = { ARK_API_KEY: "k", CONTINUE: way };
    assertEquals(configOf(settings).model.continues, way);
  }
});

Deno.test("each mistake is named, with what was expected", () => {
  const mistakes: [name: string, value: string, expected: string][] = [
    ["PORT", "-1", "a whole number from 0 to 65535"],
    ["PORT", "65536", "a whole number from 0 to 65535"],
    ["PORT", "80a", "a whole number from 0 to 65535"],
    ["PROMPT", "x".repeat(8_001), "at most 8000 characters"],
    ["LIMITS", "5", "a JSON object of limits"],
    ["LIMITS", "{", "a JSON object of limits"],
    [
      "LIMITS",
      '{"eventMilliseconds":10001}',
      "eventMilliseconds is a whole number of milliseconds, 1 to 10000",
    ],
    ["LIMITS", '{"depth":0}', "depth is a whole number, 1 or more"],
    ["LIMITS", '{"depth":1.5}', "depth is a whole number, 1 or more"],
    ["LIMITS", '{"depth":"1"}', "depth is a whole number, 1 or more"],
    ["LIMITS", '{"lingerSeconds":1e9}', "lingerSeconds is a number of seconds"],
    ["LIMITS", '{"lingerSeconds":-1}', "lingerSeconds is a number of seconds"],
    ["LIMITS", '{"lingerSecond":1}', "lingerSecond is none; there are"],
    ["LIMITS", '{"__proto__":1}', "__proto__ is none; there are"],
    ["MODEL_PARAMETERS", "[]", "a JSON object"],
    ["MODEL_PARAMETERS", "null", "a JSON object"],
    ["MODEL_PARAMETERS", "temperature=0", "a JSON object"],
    ["RESPONSE_FORMAT", "json", "json_schema, json_object or text"],
    ["SYSTEM_ROLE", "assistant", "system, developer or user"],
    ["CONTINUE", "on", "off, prefix, final-message or trailing"],
    ["SCHEMA_FILE", "/no/such/file", "a file that holds a JSON Schema"],
    ["SCHEMA_FILE", import.meta.filename!, "a file that holds a JSON Schema"],
    ["ACCESS_TOKENS", "short", "tokens of 16 or more"],
    ["ACCESS_TOKENS", "0123456789abcdef,,", "tokens of 16 or more"],
    ["CORS_ORIGINS", "example.com", "origins such as https://example.com"],
    ["CORS_ORIGINS", "https://a.example/path", "origins such as"],
    ["TRUST_PROXY", "maybe", "true or false"],
    ["LOG_PROMPTS", "2", "true or false"],
    ["LOG_FORMAT", "JSON", "text or json"],
    ["METRICS", "prometheus", "true or false"],
    ["ARK_API_KEY", "你的密钥", "visible ASCII characters"],
    ["ARK_API_KEY", "two words", "visible ASCII characters"],
  ];
  for (const [name, value, expected] of mistakes) {
    const lines = mistakesIn({ [name]: value });
    assertEquals(lines.length, 1, lines.join());
    assert(lines[0]!.startsWith(`${name}: expected `), lines[0]);
    assert(lines[0]!.includes(expected), lines[0]);
  }
});

Deno.test("a provider's settings are checked where it is chosen", () => {
  const url = "an http or https URL";
  const chosen: [settings: Record<string, string>, name: string][] = [
    [{ ARK_API_KEY: "k", ARK_BASE_URL: "ark" }, "ARK_BASE_URL"],
    [{ OPENAI_MODEL: "m", OPENAI_BASE_URL: "ftp://a/" }, "OPENAI_BASE_URL"],
  ];
  for (const [settings, name] of chosen) {
    const [line, ...others] = mistakesIn(settings);
    assert(line!.startsWith(`${name}: expected ${url}`), line);
    assertEquals(others, []);
  }
  assertEquals(mistakesIn({ OPENAI_MODEL: "m", OPENAI_API_KEY: "密" }), [
    "OPENAI_API_KEY: expected visible ASCII characters",
  ]);
});

Deno.test("all mistakes are reported together, each on a line", () => {
  const lines = mistakesIn({
    PORT: "no",
    LIMITS: '{\n"depht":1,\n"lingerSeconds":0}',
    MODEL_PARAMETERS: '{"temperature":\nwarm}',
    RESPONSE_FORMAT: "yes",
    TRUST_PROXY: "no way",
    ACCESS_TOKENS: "secret",
    CORS_ORIGINS: "a",
    ARK_API_KEY: "a secret",
  });
  assertEquals(lines.map((line) => line.split(":")[0]).sort(), [
    ...["ACCESS_TOKENS", "ARK_API_KEY", "CORS_ORIGINS", "LIMITS"],
    ...["MODEL_PARAMETERS", "PORT", "RESPONSE_FORMAT", "TRUST_PROXY"],
  ]);
  const limits = lines.find((line) => line.startsWith("LIMITS"))!;
  assert(limits.includes("depht is none"), limits);
  assert(limits.includes("lingerSeconds is a number"), limits);
  assert(!lines.join().includes("secret"));
});

Deno.test("no secret of the settings may be in a log, the longest first", () => {
  const config = configOf({
    OPENAI_MODEL: "m",
    OPENAI_API_KEY: "key",
    ACCESS_TOKENS: "key-0123456789abcdef",
  });
  const secrets = secretsOf(config);
  assert(secrets.includes("key"));
  assertEquals(secrets[0], "key-0123456789abcdef");
  assertEquals(secretsOf(configOf({})), []);
});

Deno.test("a store is a file or a Redis, and its password is a secret", () => {
  for (
    const STORE of [
      "sqlite:/var/lib/answers.db",
      "redis://127.0.0.1",
      "rediss://user:p%40ss@example.com:6380/2",
    ]
  ) assertEquals(configOf({ STORE }).store, STORE);
  for (
    const STORE of ["sqlite:", "answers.db", "http://a", "redis://", "redis:a"]
  ) {
    const [mistake, ...rest] = mistakesIn({ STORE });
    assert(mistake!.startsWith("STORE: expected sqlite: and a path"), STORE);
    assertEquals(rest, []);
  }
  assertEquals(mistakesIn({ DURABLE: "true" }), [
    "DURABLE: expected a STORE, too",
  ]);
  const STORE = "rediss://user:p%40ss@example.com";
  assertEquals(secretsOf(configOf({ STORE })), ["p%40ss", "p@ss"]);
  // One that is not encoded as it should be.
  assertEquals(secretsOf(configOf({ STORE: "redis://:5%@a" })), ["5%"]);
});
