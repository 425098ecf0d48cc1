/**
 * Transcripts in Redis or Valkey, for a fleet. One node, not a cluster.
 *
 * @module
 */

import { createClient } from "@redis/client";
import { createHash, randomUUID } from "node:crypto";
import { systemClock, within } from "../clock.ts";
import {
  type Append,
  type Appended,
  type Claim,
  type ClaimOptions,
  type Head,
  type Holding,
  lengthOf,
  packRuns,
  type Piece,
  PRESENCE,
  type Reading,
  type StoredOutcome,
  TOMBSTONE,
  type TranscriptStore,
  unpackRuns,
} from "./store.ts";

export type * from "./store.ts";

/** Before each key and channel: whose it is, and the layout's version. */
const PREFIX = "fs1:";

/** How long the first connection may take, in milliseconds. */
const START = 4000;

/** After how much silence a connection is given up, in milliseconds. */
const SILENCE = 2500;

/** The longest pause before it connects again, in milliseconds. */
const PAUSE = 1000;

/** How many pieces one reading holds. */
const READ = 500;

/**
 * Connects to a server.
 *
 * @param url `redis://` or `rediss://`, then `user:password@host:port/database`.
 * @returns The store. An open one keeps the process alive.
 * @throws {Error} If it cannot be reached within some seconds. The message holds
 * no password.
 */
export async function openRedisStore(url: string): Promise<TranscriptStore> {
  const client = makeClient(url);
  try {
    const store = new RedisStore(client);
    const hasStarted = await within(systemClock, START, store.start());
    if (!hasStarted) throw new Error("no answer");
    return store;
  } catch (error) {
    if (client.isOpen) client.destroy();
    const reason = error instanceof Error ? error.message : error;
    const { host } = new URL(url);
    throw new Error(`Cannot connect to Redis at ${host}: ${reason}`);
  }
}

type Client = ReturnType<typeof makeClient>;

/** Makes one that connects again once it has been connected. */
// deno-lint-ignore explicit-function-return-type
function makeClient(url: string) {
  let hasBeenReady = false;
  const client = createClient({
    url,
    // Messages come by the connection that the replies come by.
    RESP: 3,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    pingInterval: 2000,
    socket: {
      connectTimeout: START,
      socketTimeout: 6000,
      reconnectStrategy: (retries, cause) =>
        hasBeenReady
          ? Math.min(PAUSE, 50 * 2 ** retries) * (0.5 + Math.random() / 2)
          : cause,
    },
  });
  client.on("ready", () => {
    hasBeenReady = true;
  });
  // Whoever calls it is told by a rejection.
  client.on("error", () => {});
  return client;
}

/** A script, and how Redis calls it. */
interface Script {
  text: string;
  digest: string;
}

/** What every script begins with. */
const PRELUDE = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function get()
  local f = redis.call('HMGET', KEYS[1], 'token', 'instance', 'owner', 'meta',
    'lease', 'retention', 'length', 'outcome', 'stopped', 'until')
  if not f[1] then return nil end
  local g = { token = f[1], instance = f[2], owner = f[3], meta = f[4],
    lease = tonumber(f[5]), retention = tonumber(f[6]), length = tonumber(f[7]),
    outcome = f[8], stopped = tonumber(f[9]), till = tonumber(f[10]) }
  -- Where memory runs out, Redis may have dropped the one and not the other.
  if g.length > 0 and redis.call('EXISTS', KEYS[2]) == 0 then return nil end
  g.over = (not g.outcome and g.till < now) and 1 or 0
  return g
end
local function head(g) return { g.meta, g.length, g.outcome or '', g.over } end
local function keep(time)
  for n = 1, 3 do redis.call('PEXPIRE', KEYS[n], time) end
end
local function nudge(instance, id)
  redis.call('PUBLISH', '${PREFIX}i:' .. instance, id)
end
local function tell(start, runs, outcome)
  redis.call('PUBLISH', KEYS[1], '[' .. start .. ',' .. runs .. ',' ..
    (outcome ~= '' and outcome or 'null') .. ']')
end
`;

/** Keys: hash, log, readers, tombstone. */
const CLAIM = script(`
local token, instance, owner, meta, lease, retention = unpack(ARGV)
local g = get()
if g then
  if g.token == token then return { 1, g.stopped } end
  return { 0, head(g) }
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
local stopped = redis.call('DEL', KEYS[4])
redis.call('HSET', KEYS[1], 'token', token, 'instance', instance,
  'owner', owner, 'meta', meta, 'lease', lease, 'retention', retention,
  'length', 0, 'stopped', stopped, 'until', now + lease)
redis.call('PEXPIRE', KEYS[1], lease + retention)
return { 1, stopped }
`);

/** Keys: hash, log, readers. */
const APPEND = script(`
local token, start, runs, units, outcome = unpack(ARGV)
start = tonumber(start)
units = tonumber(units)
local g = get()
if not g then return { 'gone' } end
if g.token ~= token then return { 'fenced' } end
local status = 'moved'
if g.length == start and not g.outcome then
  status = 'ok'
  if units > 0 then
    g.length = start + units
    redis.call('XADD', KEYS[2], g.length .. '-0', 'r', runs)
  end
  if outcome ~= '' then
    g.outcome = outcome
    redis.call('HSET', KEYS[1], 'outcome', outcome)
  end
  if units > 0 or outcome ~= '' then tell(start, runs, outcome) end
end
redis.call('HSET', KEYS[1], 'length', g.length, 'until', now + g.lease)
keep(g.lease + g.retention)
return { status, g.length, g.outcome and 1 or 0, g.stopped,
  redis.call('ZCOUNT', KEYS[3], '(' .. now, '+inf') }
`);

/** Keys: hash, log. */
const FIND = script(`
local g = get()
return g and head(g)
`);

/** Keys: hash, log. An entry's id is where it ends. */
const READ_LOG = script(`
local g = get()
if not g then return nil end
return { g.length, g.outcome or '',
  redis.call('XRANGE', KEYS[2], '(' .. ARGV[1] .. '-0', '+', 'COUNT', ${READ}) }
`);

/** Keys: hash, log, readers. */
const ATTEND = script(`
local id, instance, reading = unpack(ARGV)
local g = get()
if not g then return nil end
local last = redis.call('ZSCORE', KEYS[3], instance)
local was = (last and tonumber(last) > now) and '1' or '0'
if reading == '1' then
  redis.call('ZADD', KEYS[3], now + ${PRESENCE}, instance)
  redis.call('PEXPIRE', KEYS[3], ${PRESENCE})
else
  redis.call('ZREM', KEYS[3], instance)
end
if was ~= reading then nudge(g.instance, id) end
return head(g)
`);

/** Keys: hash, log, readers. */
const BURY = script(`
local g = get()
if not g or g.over == 0 then return 0 end
-- No token is empty, so its writer is fenced from now on.
redis.call('HSET', KEYS[1], 'token', '', 'outcome', ARGV[1])
keep(g.retention)
tell(g.length, '[]', ARGV[1])
return 1
`);

/** Keys: hash, log, tombstone. */
const STOP = script(`
local id, owner = unpack(ARGV)
local g = get()
if not g then
  redis.call('SET', KEYS[3], 1, 'PX', ${TOMBSTONE})
elseif g.owner == owner and not g.outcome then
  redis.call('HSET', KEYS[1], 'stopped', 1)
  nudge(g.instance, id)
end
`);

/** Keys: the budget. Its value is when it will be full again. */
const SPEND = script(`
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) +
  math.ceil(ARGV[1])
if full > now + 60000 then return full - now - 60000 end
if full > now then redis.call('SET', KEYS[1], full, 'PX', full - now) end
return 0
`);

/** Keys: a hash of instances, each with its count and until when it holds. */
const HOLD = script(`
local instance, count, limit = unpack(ARGV)
count = tonumber(count)
local own, others = 0, 0
local all = redis.call('HGETALL', KEYS[1])
for n = 1, #all, 2 do
  local number, till = string.match(all[n + 1], '(%d+) (%d+)')
  if tonumber(till) <= now then
    redis.call('HDEL', KEYS[1], all[n])
  elseif all[n] == instance then
    own = tonumber(number)
  else
    others = others + number
  end
end
if count > own and others + count > tonumber(limit) then return 0 end
redis.call('HSET', KEYS[1], instance,
  count .. ' ' .. string.format('%.0f', now + ${PRESENCE}))
redis.call('PEXPIRE', KEYS[1], ${PRESENCE})
return 1
`);

/** What the scripts give for a head: meta, length, outcome, whether it is over. */
type HeadReply = [string, number, string, number];

class RedisStore implements TranscriptStore {
  readonly #client: Client;
  readonly #instance = randomUUID();
  readonly #listeners = new Map<string, Set<(message: string) => void>>();
  /** Channels whose subscription has failed. */
  readonly #missing = new Set<string>();
  #watch: ReturnType<typeof setInterval> | undefined;
  /** Commands that wait for a reply, and since when there was none. */
  #waiting = 0;
  #silentSince = 0;

  constructor(client: Client) {
    this.#client = client;
    client.on("ready", () => {
      for (const channel of this.#missing) this.#subscribe(channel);
    });
  }

  /** Connects, and subscribes to the instance's own channel. */
  async start(): Promise<void> {
    await this.#client.connect();
    await this.#client.subscribe(this.#nudges, this.#hear);
    this.#watch = setInterval(() => this.#reconnect(), SILENCE / 4);
  }

  async claim(
    id: string,
    { token, meta, lease, retention }: ClaimOptions,
  ): Promise<Claim> {
    const [won, rest] = await this.#call<[number, number | HeadReply]>(
      CLAIM,
      [...keysOf(id), tombstoneOf(id, meta.owner)],
      [
        token,
        this.#instance,
        meta.owner,
        JSON.stringify(meta),
        `${lease}`,
        `${retention}`,
      ],
    );
    return won === 1
      ? { won: true, stopped: rest === 1 }
      : { won: false, head: readHead(rest as HeadReply) };
  }

  async append(batch: readonly Append[]): Promise<Appended[]> {
    return await Promise.all(batch.map((entry) => this.#append(entry)));
  }

  async #append(
    { id, token, start, runs, outcome }: Append,
  ): Promise<Appended> {
    const reply = await this.#call<
      ["ok" | "moved", number, number, number, number] | ["fenced" | "gone"]
    >(APPEND, keysOf(id), [
      token,
      `${start}`,
      JSON.stringify(packRuns(runs)),
      `${lengthOf(runs)}`,
      outcome === undefined ? "" : JSON.stringify(outcome),
    ]);
    if (reply.length === 1) return { status: reply[0] };
    const [status, length, ended, stopped, readers] = reply;
    return {
      status,
      length,
      ended: ended === 1,
      stopped: stopped === 1,
      readers,
    };
  }

  async find(id: string): Promise<Head | undefined> {
    return readHead(
      await this.#call<HeadReply | null>(FIND, keysOf(id).slice(0, 2), []),
    );
  }

  async read(id: string, from: number): Promise<Reading | undefined> {
    const reply = await this.#call<
      [number, string, [string, [string, string]][]] | null
    >(READ_LOG, keysOf(id).slice(0, 2), [`${from}`]);
    if (reply === null) return undefined;
    const [length, outcome, entries] = reply;
    return {
      pieces: entries.map(([end, [, json]]) => {
        const runs = unpackRuns(JSON.parse(json));
        return { start: parseInt(end) - lengthOf(runs), runs };
      }),
      length,
      outcome: parseOutcome(outcome),
    };
  }

  listen(id: string, onPiece: (piece: Piece) => void): () => void {
    return this.#listen(PREFIX + id, (message) => {
      const [start, runs, outcome] = JSON.parse(message);
      onPiece({ start, runs: unpackRuns(runs), outcome: outcome ?? undefined });
    });
  }

  async attend(
    entries: readonly { id: string; reading: boolean }[],
  ): Promise<(Head | undefined)[]> {
    return await Promise.all(entries.map(async ({ id, reading }) =>
      readHead(
        await this.#call<HeadReply | null>(ATTEND, keysOf(id), [
          id,
          this.#instance,
          reading ? "1" : "0",
        ]),
      )
    ));
  }

  async bury(id: string, outcome: StoredOutcome): Promise<boolean> {
    const json = JSON.stringify(outcome);
    return await this.#call<number>(BURY, keysOf(id), [json]) === 1;
  }

  async stop(id: string, owner: string): Promise<void> {
    const [hash, log] = keysOf(id);
    await this.#call(STOP, [hash, log, tombstoneOf(id, owner)], [id, owner]);
  }

  async spend(key: string, cost: number, perMinute: number): Promise<number> {
    const time = cost * 60_000 / perMinute;
    return await this.#call<number>(SPEND, [`${PREFIX}b:${key}`], [`${time}`]);
  }

  async hold(entries: readonly Holding[]): Promise<boolean[]> {
    return await Promise.all(
      entries.map(async ({ key, count, limit }) =>
        await this.#call<number>(HOLD, [`${PREFIX}h:${key}`], [
          this.#instance,
          `${count}`,
          `${limit}`,
        ]) === 1
      ),
    );
  }

  onNudge(listener: (id: string) => void): void {
    this.#listeners.set(this.#nudges, new Set([listener]));
  }

  close(): Promise<void> {
    clearInterval(this.#watch);
    if (this.#client.isOpen) this.#client.destroy();
    return Promise.resolve();
  }

  get #nudges(): string {
    return `${PREFIX}i:${this.#instance}`;
  }

  #listen(channel: string, listener: (message: string) => void): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    if (listeners.size === 0) this.#subscribe(channel);
    this.#listeners.set(channel, listeners.add(listener));
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#listeners.delete(channel);
      this.#missing.delete(channel);
      // One that stays costs little, and nobody hears it.
      this.#client.unsubscribe(channel, this.#hear).catch(() => {});
    };
  }

  #subscribe(channel: string): void {
    this.#missing.delete(channel);
    this.#client.subscribe(channel, this.#hear).catch(() => {
      if (this.#listeners.has(channel)) this.#missing.add(channel);
    });
  }

  readonly #hear = (message: string, channel: string): void => {
    for (const listener of [...this.#listeners.get(channel) ?? []]) {
      listener(message);
    }
  };

  /** Calls a script; what it gives is what its author says. */
  async #call<Reply>(
    { text, digest }: Script,
    keys: string[],
    values: string[],
  ): Promise<Reply> {
    const rest = [`${keys.length}`, ...keys, ...values];
    if (this.#waiting++ === 0) this.#silentSince = performance.now();
    try {
      try {
        return await this.#client.sendCommand(["EVALSHA", digest, ...rest]);
      } catch (error) {
        if (!(error instanceof Error && /^NOSCRIPT/.test(error.message))) {
          throw error;
        }
        return await this.#client.sendCommand(["EVAL", text, ...rest]);
      }
    } finally {
      this.#waiting--;
      this.#silentSince = performance.now();
    }
  }

  /**
   * Connects again if no reply comes. The socket's own time limit does not see
   * that, for what is sent counts there too.
   */
  #reconnect(): void {
    const silence = performance.now() - this.#silentSince;
    if (this.#waiting === 0 || silence < SILENCE) return;
    if (!this.#client.isReady) return;
    this.#client.destroy();
    this.#client.connect().catch(() => {});
  }
}

function script(body: string): Script {
  const text = PRELUDE + body;
  return { text, digest: createHash("sha1").update(text).digest("hex") };
}

/** The hash, the log and the readers of a generation. */
function keysOf(id: string): [string, string, string] {
  const hash = PREFIX + id;
  return [hash, `${hash}:log`, `${hash}:r`];
}

function tombstoneOf(id: string, owner: string): string {
  return `${PREFIX}s:${id}:${owner}`;
}

function readHead(reply: HeadReply): Head;
function readHead(reply: HeadReply | null): Head | undefined;
function readHead(reply: HeadReply | null): Head | undefined {
  if (reply === null) return undefined;
  const [meta, length, outcome, over] = reply;
  return {
    meta: JSON.parse(meta),
    length,
    outcome: parseOutcome(outcome),
    isOver: over === 1,
  };
}

function parseOutcome(json: string): StoredOutcome | undefined {
  return json === "" ? undefined : JSON.parse(json);
}
