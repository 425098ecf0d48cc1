/** How a generation can end, and the texts for it. */

import type { ValidationError } from "../schemas/validation.ts";

/** The terminal event of a generation, but for its id. */
export type Outcome = EndOutcome | ErrorOutcome;

/** The value is complete. */
export interface EndOutcome {
  status: "end";
  message: string;
  finish_reason: string;
  /** What the provider said of the tokens spent. */
  usage?: unknown;
  /** Whether the value satisfies the schema, where one was given. */
  valid?: boolean;
  /** Why it does not: at most ten. */
  errors?: ValidationError[];
}

/** The value is not complete, and will not be. */
export interface ErrorOutcome {
  status: "error";
  code: ErrorCode;
  message: string;
  /** Whether asking again may help. */
  retryable: boolean;
  /** JSON Pointer of the field that was being written. */
  path?: string;
}

/** Why a generation failed. */
export type ErrorCode = keyof typeof ERRORS;

const ERRORS = {
  upstream_auth: { message: "模型服务拒绝了密钥", retryable: false },
  upstream_rejected: { message: "模型服务拒绝了这个请求", retryable: false },
  upstream_rate_limited: {
    message: "模型服务请求过多，请稍后再试",
    retryable: true,
  },
  upstream_unavailable: { message: "模型服务暂时不可用", retryable: true },
  upstream_timeout: { message: "模型服务长时间没有响应", retryable: true },
  no_json: { message: "模型的回答里没有 JSON", retryable: true },
  malformed_json: { message: "模型的回答不是完整的 JSON", retryable: true },
  truncated: { message: "回答达到长度上限，没有写完", retryable: true },
  refused: { message: "模型拒绝回答", retryable: false },
  content_filtered: { message: "回答被内容过滤拦截", retryable: false },
  output_too_large: { message: "回答超出允许的大小", retryable: false },
  stopped: { message: "生成已停止", retryable: false },
  interrupted: { message: "服务器正在重启，生成已中断", retryable: true },
  internal: { message: "服务器内部错误", retryable: true },
} as const;

/** Makes the outcome of a failure; some messages and paths are its own. */
export function failure(
  code: ErrorCode,
  own: { message?: string; path?: string } = {},
): ErrorOutcome {
  return { status: "error", code, ...ERRORS[code], ...own };
}
