/** How providers say that they have failed, and what that means. */

import { isObject } from "../schemas/schema.ts";
import { ModelError, type ModelErrorCode } from "./ask.ts";

/** What a provider said of a failure, wherever it said it. */
export interface Fault {
  /** The HTTP status, of the response or named in the error. */
  status?: number | undefined;
  /** Its words for the kind: code and type. */
  words: string;
  /** The parameter that it does not like. */
  param: string;
  message: string;
}

/**
 * The error that a body or an event tells of.
 *
 * @param value What came: `{"error":{…}}`, `{"error":"…"}`, an error without
 * such a wrapping, or something else.
 * @param event The name of the event, if it has one.
 * @returns `undefined` if it tells of none.
 */
export function faultIn(value: unknown, event = ""): Fault | undefined {
  if (!isObject(value)) return undefined;
  const { error, errors, base_resp: resp } = value;
  if (!isEmpty(error)) return faultOf(error, value);
  // Cloudflare.
  if (Array.isArray(errors) && !isEmpty(errors[0])) return faultOf(errors[0]);
  // MiniMax.
  if (isObject(resp) && resp.status_code) {
    return faultOf({ code: resp.status_code, message: resp.status_msg });
  }
  const isError = event === "error" || value.object === "error" ||
    /error/i.test(String(value.type)) ||
    (!value.choices && typeof value.message === "string" &&
      [value.code, value.status].some(isErrorCode));
  return isError ? faultOf(value) : undefined;
}

/** Reads an error's members; what it lacks may stand around it. */
function faultOf(error: unknown, around: Record<string, unknown> = {}): Fault {
  if (!isObject(error)) error = { ...around, message: error };
  const { code, type, status, status_code, http_code, param, innererror } =
    error as Record<string, unknown>;
  const { message, msg, detail } = error as Record<string, unknown>;
  const inner = isObject(innererror) ? innererror.code : undefined;
  const statuses = [status, status_code, http_code, code, around.status];
  return {
    status: statuses.map(Number).find((status) =>
      status >= 400 && status < 600
    ),
    words: [code, type, status, inner, around.code, around.type]
      .filter((word) => typeof word === "string" || typeof word === "number")
      .join(" "),
    param: typeof param === "string" ? param : "",
    message: [message, msg, detail].map(textOf).find((text) => text !== "") ??
      textOf(error),
  };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Whether what stands where an error would is none. */
function isEmpty(error: unknown): boolean {
  return typeof error === "object" && error !== null
    ? Object.values(error).every((value) => !value)
    : !error;
}

function isErrorCode(code: unknown): boolean {
  return Number(code) >= 400 ||
    (typeof code === "string" && /error|invalid|fail|denied|limit/i.test(code));
}

const TOO_LONG = "shorten the prompt, or set promptCharacters in LIMITS";

/** What a failure is. The first that holds decides. */
const KINDS: {
  code: ModelErrorCode;
  /** In what it calls the kind. */
  words?: RegExp;
  /** In what it says of it. */
  message?: RegExp;
  status?: (status: number) => boolean;
  /** Statuses with which the message is not looked at. */
  unless?: number[];
  hint?: string;
}[] = [
  {
    code: "content_filtered",
    words:
      /content.?(?:filter|policy|moderation|safety)|sensitive|moderation|data.?inspection|responsible.?ai|risk.?control|prohibited|policy.?violation/i,
    message:
      /content (?:management|filter|policy|moderation)|\bmoderation\b|sensitive (?:information|content|words?|data)|inappropriate content|was flagged|safety (?:system|filter)|敏感|违规|不安全|不当内容|内容安全|风控|审核/i,
    unless: [401, 402, 429],
  },
  {
    // Larger than what may be spent in a minute: it never comes through.
    code: "upstream_rejected",
    message: /request too large|must be reduced|reduce the length/i,
    hint: TOO_LONG,
  },
  {
    code: "upstream_rejected",
    words:
      /context.?(?:length|size|window)|too.?long|string.?above.?max|(?:request|input|prompt).?too.?large|input.?length|tokens?.?limit.?reached/i,
    message:
      /context (?:length|size|window)|(?:prompt|input|request|message|content)s?\b.{0,30}(?<!took )too (?:long|large)|input length|^(?!.*per (?:min|hour|day)).*(?:maximum .{0,30}|max )tokens|上下文.{0,8}长|(?:输入|内容|消息).{0,8}过长|(?:超过|超出).{0,12}长度|长度.{0,8}超/is,
    status: (status) => status === 413,
    unless: [401, 403, 408, 429, 504],
    hint: TOO_LONG,
  },
  {
    // Google says of what may be asked in a minute what others say of money.
    code: "upstream_rate_limited",
    words: /throttl|resource.?exhausted/i,
  },
  {
    code: "upstream_rejected",
    words:
      /insufficient.?(?:quota|balance|credit|fund)|quota.?exceeded|exceeded.?current.?quota|billing|arrear|overdue|payment/i,
    message:
      /insufficient (?:balance|credit|fund|quota)|(?:no|not enough|out of|negative) (?:credit|balance)|balance (?:is )?(?:too low|not enough|insufficient)|credit balance|exceeded your current quota|arrears|overdue|欠费|余额|充值/i,
    status: (status) => status === 402,
    hint: "the account at the provider has nothing left to spend",
  },
  {
    code: "upstream_auth",
    words: /auth|api.?key|permission|forbidden|access.?denied/i,
    message:
      /api.?key.{0,30}(?:not valid|invalid|incorrect|expired|missing)|(?:invalid|incorrect|missing|no|expired).{0,20}api.?key|unauthori[sz]ed/i,
    status: (status) => status === 401 || status === 403,
    unless: [429],
    hint: "set ARK_API_KEY or OPENAI_API_KEY",
  },
  {
    code: "upstream_rate_limited",
    words: /rate.?limit|too.?many.?requests|concurren|\b[rt]p[md]\b/i,
    message: /rate.?limit|too many requests|请求过多|频繁|并发|限流/i,
    status: (status) => status === 429,
    unless: [400, 404, 422],
  },
  { code: "upstream_unavailable", status: (status) => status >= 500 },
  { code: "upstream_rejected", status: (status) => status >= 400 },
  {
    code: "upstream_unavailable",
    words: /overload|server|internal|unavailable|timeout|timed.?out|busy/i,
  },
  {
    code: "upstream_rejected",
    words:
      /invalid|not.?found|unsupported|not.?support|bad.?request|parameter|not.?exist|not.?allowed/i,
    message: /not found|does not exist|unknown model|not supported/i,
  },
];

/** What is known beside the fault. */
export interface FaultContext {
  /** The settings that the request was made by. */
  parameters: Record<string, unknown>;
  responseFormat: string;
  systemRole: string;
  /** The head of the provider's response, as far as it tells of retries. */
  headers?: Headers | undefined;
}

/** How much is kept of what a provider says of a failure; the log cuts again. */
const MESSAGE_LENGTH = 10_000;

/**
 * The one way from what a provider says of a failure to a code, for the
 * response's status and for events alike.
 */
export function modelErrorOf(fault: Fault, context: FaultContext): ModelError {
  const kind = KINDS.find((kind) => matches(kind, fault));
  const code = kind?.code ?? "upstream_unavailable";
  const hint = kind?.hint ??
    (code === "upstream_rejected" ? hintOf(fault, context) : undefined);
  const { status, words, message } = fault;
  const said = [status, words.replace(String(status), "").trim(), message]
    .filter(Boolean).join(" ").slice(0, MESSAGE_LENGTH).toWellFormed();
  return new ModelError(code, hint ? `${said} (${hint})` : said, {
    again: isWorthAsking(code, fault, context.headers),
    retryAfter: retryAfterOf(context.headers),
  });
}

function matches(
  { words, message, status: isStatus, unless }: (typeof KINDS)[number],
  fault: Fault,
): boolean {
  const { status } = fault;
  if (words?.test(fault.words)) return true;
  if (status !== undefined && isStatus?.(status)) return true;
  if (status !== undefined && unless?.includes(status)) return false;
  return message?.test(fault.message) === true;
}

/** Whether the same question may be answered a moment later. */
function isWorthAsking(
  code: ModelErrorCode,
  { status }: Fault,
  headers: Headers | undefined,
): boolean {
  // OpenAI says so itself.
  const advice = headers?.get("x-should-retry");
  if (advice === "true" || advice === "false") return advice === "true";
  return code === "upstream_rate_limited" || code === "upstream_unavailable" ||
    status === 408 || status === 409;
}

/** How long to wait (RFC 9110, section 10.2.3), in milliseconds. */
function retryAfterOf(headers: Headers | undefined): number | undefined {
  const milliseconds = Number(headers?.get("retry-after-ms") ?? NaN);
  if (milliseconds >= 0) return milliseconds;
  const text = headers?.get("retry-after");
  if (!text) return undefined;
  const delay = /^[\d.]+$/.test(text)
    ? Number(text) * 1000
    : Date.parse(text) - Date.now();
  return Number.isFinite(delay) ? Math.max(0, delay) : undefined;
}

/** Which setting to change, where a provider rejects what was asked. */
function hintOf(
  { status, message, words, param }: Fault,
  { parameters, responseFormat, systemRole }: FaultContext,
): string {
  const said = `${words} ${param} ${message}`;
  if (/response_?format|json_schema|json_object|structured/i.test(said)) {
    const others = ["json_schema", "json_object", "text"]
      .filter((format) => format !== responseFormat);
    return `set RESPONSE_FORMAT to ${others.join(" or ")}`;
  }
  if (
    systemRole !== "user" &&
    /\b(?:system|developer)\b.{0,30}\b(?:role|instruction|message|prompt)|\brole.{0,40}\b(?:system|developer|alternate)/i
      .test(said)
  ) {
    return "set SYSTEM_ROLE to user";
  }
  if (/stream_options|include_usage/i.test(said)) {
    return 'set MODEL_PARAMETERS to {"stream_options":null}';
  }
  const parameter = Object.keys(parameters).find((name) =>
    name === param || message.includes(name)
  );
  if (parameter !== undefined) return `change ${parameter} in MODEL_PARAMETERS`;
  if (/context|too large|tokens/i.test(said)) {
    return TOO_LONG;
  }
  if (status === 404 || /model/i.test(said)) {
    return "set ARK_MODEL or OPENAI_MODEL; see ARK_BASE_URL and OPENAI_BASE_URL";
  }
  return "see MODEL_PARAMETERS";
}

/** What an exception of a connection says, with its causes. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error);
  return error.cause === undefined
    ? error.message
    : `${error.message} ${describe(error.cause)}`;
}
