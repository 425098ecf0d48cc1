/** All that clients are told in words; `code` and `status` say the same. */

import { type ErrorCode, type Outcome, RETRYABLE } from "../answers/outcome.ts";
import type { Language, Words } from "../language.ts";
import { describeViolation, type Violation } from "../schemas/violations.ts";

/** What is said in always the same words. */
export const WORDS = {
  start: { zh: "开始生成响应...", en: "Generating a response..." },
  end: { zh: "响应生成完成", en: "The response is complete" },
  internal: { zh: "服务器内部错误", en: "An error inside the server" },
  overloaded: { zh: "服务器繁忙", en: "The server is busy" },
  draining: { zh: "服务器正在重启", en: "The server is restarting" },
  tooMany: {
    zh: "请求过多，请稍后再试",
    en: "Too many requests; try again later",
  },
  notFound: { zh: "没有这个地址", en: "There is nothing at this address" },
  method: { zh: "不支持这个方法", en: "This method is not supported here" },
  forbidden: { zh: "不允许从这里访问", en: "Not allowed from here" },
  unauthorized: { zh: "需要访问令牌", en: "An access token is needed" },
  conflict: {
    zh: "这个 id 已用于另一个问题",
    en: "This id belongs to another question",
  },
  expired: { zh: "这个回答已经不在了", en: "This answer is no longer there" },
  host: { zh: "Host 不合法", en: "Host is not valid" },
  id: {
    zh: "id 应为 22 个 base64url 字符",
    en: "id must be 22 characters of base64url",
  },
  lastEventId: {
    zh: "Last-Event-ID 的格式不对",
    en: "Last-Event-ID has the wrong form",
  },
  otherId: {
    zh: "Last-Event-ID 与 id 不一致",
    en: "Last-Event-ID and id name different answers",
  },
  offset: {
    zh: "Last-Event-ID 超出了回答的长度",
    en: "Last-Event-ID is beyond the end of the answer",
  },
  contentType: {
    zh: "Content-Type 应为 application/json",
    en: "Content-Type must be application/json",
  },
  bodyNotJson: { zh: "请求体不是 JSON", en: "The request's body is not JSON" },
  bodyNotObject: {
    zh: "请求体应为 JSON 对象",
    en: "The request's body must be a JSON object",
  },
  bodyNotText: {
    zh: "请求体不是完整的 UTF-8 文本",
    en: "The request's body is not complete UTF-8 text",
  },
  bodyLate: {
    zh: "请求体没有按时到达",
    en: "The request's body did not arrive in time",
  },
  token: { zh: "token 应为字符串", en: "token must be a string" },
  prompt: { zh: "prompt 应为字符串", en: "prompt must be a string" },
  closed: {
    zh: "这里只回答固定的问题",
    en: "Only one question is answered here",
  },
  input: { zh: "input 应为 JSON 对象", en: "input must be a JSON object" },
} satisfies Record<string, Words>;

/** That a body has more than so many bytes. */
export function bodyTooLarge(bytes: number): Words {
  return {
    zh: `请求体最多 ${bytes} 字节`,
    en: `The request's body may have at most ${bytes} bytes`,
  };
}

/** That a body has a member that means nothing. */
export function unknownMember(name: string): Words {
  const quoted = JSON.stringify(name.slice(0, 40));
  return {
    zh: `请求体里有未知的成员 ${quoted}`,
    en: `The request's body has an unknown member ${quoted}`,
  };
}

/** That a prompt is longer than it may be, in UTF-16 units. */
export function promptTooLong(limit: number, length: number): Words {
  return {
    zh: `prompt 最多 ${limit} 个字符，收到 ${length} 个`,
    en: `prompt may have at most ${limit} characters; it has ${length}`,
  };
}

/** How an answer has failed. */
const FAILURES: Record<ErrorCode, Words> = {
  upstream_auth: {
    zh: "模型服务拒绝了密钥",
    en: "The model service rejected the key",
  },
  upstream_rejected: {
    zh: "模型服务拒绝了这个请求",
    en: "The model service rejected this request",
  },
  upstream_rate_limited: {
    zh: "模型服务请求过多，请稍后再试",
    en: "The model service has too many requests; try again later",
  },
  upstream_unavailable: {
    zh: "模型服务暂时不可用",
    en: "The model service is not available at the moment",
  },
  upstream_timeout: {
    zh: "模型服务长时间没有响应",
    en: "The model service did not respond for too long",
  },
  no_json: {
    zh: "模型的回答里没有 JSON",
    en: "The model's answer holds no JSON",
  },
  malformed_json: {
    zh: "模型的回答不是完整的 JSON",
    en: "The model's answer is not complete JSON",
  },
  truncated: {
    zh: "回答达到长度上限，没有写完",
    en: "The answer reached its length limit before it was complete",
  },
  invalid: {
    zh: "回答不符合要求的结构",
    en: "The answer does not satisfy its schema",
  },
  refused: { zh: "模型拒绝回答", en: "The model declined to answer" },
  content_filtered: {
    zh: "回答被内容过滤拦截",
    en: "The answer was stopped by a content filter",
  },
  output_too_large: {
    zh: "回答超出允许的大小",
    en: "The answer is larger than allowed",
  },
  stopped: { zh: "生成已停止", en: "The generation was stopped" },
  abandoned: {
    zh: "没有人在接收，生成已停止",
    en: "Nobody was reading, so the generation was stopped",
  },
  interrupted: {
    zh: "服务器正在重启，生成已中断",
    en: "The server is restarting; the generation was interrupted",
  },
  internal: WORDS.internal,
};

/** What is wrong with a value, as a reader gets it. */
export function toWords(
  violations: Violation[],
  language: Language,
): { pointer: string; keyword: string; message: string }[] {
  return violations.map((violation) => {
    const { pointer, keyword } = violation;
    return {
      pointer,
      keyword,
      message: describeViolation(violation, language),
    };
  });
}

/** An outcome as a reader gets it: the terminal event's data. */
export function describeOutcome(
  outcome: Outcome,
  language: Language,
): Record<string, unknown> {
  if (outcome.status === "end") {
    const { status, errors, ...rest } = outcome;
    return {
      status,
      message: WORDS.end[language],
      ...rest,
      ...(errors !== undefined && { errors: toWords(errors, language) }),
    };
  }
  const { status, code, words, ...rest } = outcome;
  const message = words ?? FAILURES[code][language];
  return { status, code, message, retryable: RETRYABLE[code], ...rest };
}
