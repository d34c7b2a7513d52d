import { AppError } from "@trainyard/shared/errors.ts";

const reasons: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "the connection is refused"],
  ["ENOTFOUND", "the name is not known"],
  ["EAI_AGAIN", "the name cannot be looked up now"],
  ["EHOSTUNREACH", "there is no way to it"],
  ["ENETUNREACH", "there is no network"],
  ["ETIMEDOUT", "it does not answer in time"],
  ["TimeoutError", "it does not answer in time"],
  ["UND_ERR_CONNECT_TIMEOUT", "it does not answer in time"],
  ["UND_ERR_HEADERS_TIMEOUT", "it does not answer in time"],
  ["ECONNRESET", "the connection was cut"],
  ["UND_ERR_SOCKET", "the connection was cut"],
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is self-signed"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
]);

/** No connection came about: nothing was sent, so whatever was asked may be asked again. */
const neverSentCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The request was on its way when the connection ended: what it asked for may have happened. */
const cutCodes: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "EPIPE",
  "TimeoutError",
  "UND_ERR_SOCKET",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);
const lookFirst =
  "A call may have taken effect: look with list-training-jobs or get-training-status before you repeat it.";

/** What `fetch` threw, in words. */
export function unreachable(error: unknown): AppError {
  const code = codeOf(error);
  const reason = reasons.get(code) ?? "the request failed";
  return new AppError("CONTROL_PLANE_UNREACHABLE", `No Trainyard answers: ${reason}.`, {
    hint: cutCodes.has(code) ? lookFirst : "Check the URL, and that Trainyard is up there.",
    details: { reason: code },
    cause: error,
  });
}

/** The stream of an answer ended before the answer. */
export function cutShort(): AppError {
  return new AppError(
    "CONTROL_PLANE_UNREACHABLE",
    "The connection was cut before the answer came.",
    {
      hint: lookFirst,
    },
  );
}

export function wasNeverSent(error: unknown): boolean {
  return neverSentCodes.has(codeOf(error));
}

/** `fetch` hides the reason in its cause, for a name with several addresses one level deeper. */
function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string") return code;
    if (at.name === "TimeoutError") return at.name;
    if (at instanceof AggregateError && at.errors.length > 0) return codeOf(at.errors[0]);
  }
  return "unknown";
}
