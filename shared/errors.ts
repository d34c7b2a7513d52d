/**
 * The closed vocabulary of failures. A code never changes its meaning: clients and scripts branch on it.
 * `status` is the HTTP status at the doors, `retryable` says whether the same call may succeed later unchanged.
 */
export const errorTable = {
  AGENT_OFFLINE: { status: 503, retryable: true },
  AGENT_OUTDATED: { status: 409, retryable: false },
  ALERT_ROUTE_NOT_FOUND: { status: 404, retryable: false },
  AMBIGUOUS_AGENT: { status: 409, retryable: false },
  ARCHIVE_CORRUPT: { status: 422, retryable: false },
  ARCHIVE_ENTRY_REFUSED: { status: 422, retryable: false },
  ARCHIVE_RATIO: { status: 422, retryable: false },
  ARCHIVE_REFUSED: { status: 422, retryable: false },
  ARCHIVE_TOO_LARGE: { status: 413, retryable: false },
  AUTH_INVALID: { status: 401, retryable: false },
  AUTH_REQUIRED: { status: 401, retryable: false },
  CHANGE_CONFLICT: { status: 409, retryable: false },
  CHANGE_NOT_FOUND: { status: 404, retryable: false },
  CHECKSUM_MISMATCH: { status: 422, retryable: true },
  CONFIG_EXISTS: { status: 409, retryable: false },
  CONFIG_INVALID: { status: 422, retryable: false },
  CONFIG_NOT_FOUND: { status: 404, retryable: false },
  CONFIG_ON_BOX: { status: 409, retryable: false },
  CONFIRM_DECLINED: { status: 403, retryable: false },
  CONFIRM_REQUIRED: { status: 400, retryable: false },
  CONTROL_PLANE_UNREACHABLE: { status: 503, retryable: true },
  CREDENTIALS_IN_URL: { status: 400, retryable: false },
  DATASET_EMPTY: { status: 422, retryable: false },
  DATASET_INVALID: { status: 422, retryable: false },
  DATASET_NOT_FOUND: { status: 404, retryable: false },
  DELIVERY_NOT_FOUND: { status: 404, retryable: false },
  HARDLINK_REFUSED: { status: 403, retryable: false },
  HOST_REFUSED: { status: 403, retryable: false },
  HTTPS_REQUIRED: { status: 400, retryable: false },
  IDEMPOTENCY_CONFLICT: { status: 409, retryable: false },
  IDENTITY_IN_USE: { status: 409, retryable: true },
  IMAGE_CHUNK_LIMIT: { status: 422, retryable: false },
  IMAGE_CORRUPT: { status: 422, retryable: false },
  IMAGE_TOO_LARGE: { status: 422, retryable: false },
  INSUFFICIENT_SCOPE: { status: 403, retryable: false },
  INTERNAL: { status: 500, retryable: true },
  IN_USE: { status: 409, retryable: true },
  INVALID_ARGUMENT: { status: 400, retryable: false },
  INVALID_FILENAME: { status: 400, retryable: false },
  INVALID_JSON: { status: 400, retryable: false },
  INVALID_MODEL_REF: { status: 400, retryable: false },
  INVALID_NAME: { status: 400, retryable: false },
  INVALID_REQUEST: { status: 400, retryable: false },
  JOB_NOT_FOUND: { status: 404, retryable: false },
  JOB_NOT_RUNNING: { status: 409, retryable: false },
  JSON_TOO_DEEP: { status: 400, retryable: false },
  LENGTH_REQUIRED: { status: 411, retryable: false },
  LINK_EXPIRED: { status: 410, retryable: false },
  LINK_INVALID: { status: 403, retryable: false },
  LINK_REVOKED: { status: 410, retryable: false },
  LINK_USED: { status: 410, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  MIME_MISMATCH: { status: 415, retryable: false },
  MODEL_CORRUPT: { status: 422, retryable: false },
  MODEL_NOT_FOUND: { status: 404, retryable: false },
  NAME_CONFLICT: { status: 409, retryable: false },
  NAME_TOO_LONG: { status: 400, retryable: false },
  NESTED_ARCHIVE: { status: 422, retryable: false },
  NOTHING_TO_COMPARE: { status: 422, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  NOT_SUPPORTED: { status: 422, retryable: false },
  NOT_REGULAR_FILE: { status: 403, retryable: false },
  NOT_MOVABLE: { status: 409, retryable: false },
  ORIGIN_REFUSED: { status: 403, retryable: false },
  PATH_ESCAPE: { status: 403, retryable: false },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false },
  PLACEHOLDER_REFUSED: { status: 422, retryable: false },
  POLICY_DENIED: { status: 403, retryable: false },
  POLICY_INVALID: { status: 409, retryable: false },
  PORT_REFUSED: { status: 400, retryable: false },
  PROJECT_NOT_FOUND: { status: 404, retryable: false },
  PROMPT_NOT_FOUND: { status: 404, retryable: false },
  PROTOCOL_ERROR: { status: 400, retryable: false },
  QUOTA_EXCEEDED: { status: 429, retryable: true },
  RANGE_INVALID: { status: 416, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  RESERVED_FILENAME: { status: 400, retryable: false },
  RESERVED_NAME: { status: 400, retryable: false },
  RESOURCE_NOT_FOUND: { status: 404, retryable: false },
  RUN_NOT_FOUND: { status: 404, retryable: false },
  SHEET_FAILED: { status: 422, retryable: true },
  SCAN_FAILED: { status: 503, retryable: true },
  SPAWN_FAILED: { status: 500, retryable: true },
  STORAGE_FULL: { status: 507, retryable: true },
  TOKEN_IN_QUERY: { status: 400, retryable: false },
  TOOL_NOT_FOUND: { status: 404, retryable: false },
  TOOL_TIMEOUT: { status: 504, retryable: true },
  TRAINER_NOT_FOUND: { status: 422, retryable: false },
  TRAINER_UNREACHABLE: { status: 503, retryable: true },
  TRANSFER_BROKEN: { status: 502, retryable: true },
  TYPE_REFUSED: { status: 415, retryable: false },
  UNKNOWN_KEY: { status: 400, retryable: false },
  UNSAFE_MODEL_FORMAT: { status: 422, retryable: false },
  UPGRADE_REQUIRED: { status: 426, retryable: false },
  YAML_ALIAS_LIMIT: { status: 422, retryable: false },
  YAML_DUPLICATE_KEY: { status: 422, retryable: false },
  YAML_TAG_REFUSED: { status: 422, retryable: false },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof errorTable;

export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface AppErrorOptions {
  /** What the reader can do next: a call, a command, a bound. */
  readonly hint?: string;
  /** Small, JSON, free of secrets. */
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** The only error a caller is meant to act on. Everything else becomes INTERNAL at the surface. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** The form of an error on the wire between agent, Hub and Job, and inside `{ok: false, error}` at the doors. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details?: ErrorDetails;
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** Never leaks: an unexpected error becomes INTERNAL with a reference the log also carries. */
export function errorToWire(error: unknown, reference?: string): WireError {
  if (error instanceof AppError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.details === undefined ? {} : { details: error.details }),
    };
  }
  return {
    code: "INTERNAL",
    message: "Something failed inside Trainyard.",
    hint: reference
      ? `Look for ${reference} in the log of the control plane or the agent.`
      : "Look in the log of the control plane or the agent.",
    ...(reference === undefined ? {} : { details: { reference } }),
  };
}

/** The other direction: an error that crossed the wire becomes throwable again. */
export function wireToError(wire: {
  code: string;
  message: string;
  hint?: string | undefined;
  details?: ErrorDetails | undefined;
}): AppError {
  return new AppError(isErrorCode(wire.code) ? wire.code : "INTERNAL", wire.message, {
    ...(wire.hint === undefined ? {} : { hint: wire.hint }),
    ...(wire.details === undefined ? {} : { details: wire.details }),
  });
}
