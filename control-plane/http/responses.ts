import { errorTable, errorToWire, isErrorCode } from "@trainyard/shared/errors.ts";
import type { WireError } from "@trainyard/shared/errors.ts";
import { describe } from "../outcome.ts";
import { failureFields } from "./dialects.ts";

/**
 * The one place where an error becomes an HTTP answer: `{ok: false, request_id, error: {code, message, hint, details}}`, and
 * beside it what the dialect of that path has.
 */
export function errorResponse(
  error: unknown,
  requestId: string = crypto.randomUUID(),
  path = "",
): Response {
  const wire = errorToWire(error, requestId);
  if (wire.code === "INTERNAL")
    console.error(JSON.stringify({ requestId, error: describe(error) }));
  return wireErrorResponse(wire, requestId, path);
}

function wireErrorResponse(wire: WireError, requestId: string, path: string): Response {
  const status = isErrorCode(wire.code) ? errorTable[wire.code].status : 500;
  const headers = new Headers({ "x-request-id": requestId });
  const asked = challengeOf(wire, status);
  if (asked !== null) headers.set("www-authenticate", asked);
  const seconds = retryAfterSeconds(wire);
  if (seconds !== null) headers.set("retry-after", String(seconds));
  return Response.json(
    {
      ok: false,
      request_id: requestId,
      ...failureFields(path, wire),
      error: {
        code: wire.code,
        message: wire.message,
        hint: wire.hint ?? null,
        retryable: isErrorCode(wire.code) ? errorTable[wire.code].retryable : true,
        details: wire.details ?? {},
      },
    },
    { status, headers },
  );
}

/** RFC 6750, 3: which scope would do stands in the header too; why a token is not known stands nowhere. */
function challengeOf({ code, details }: WireError, status: number): string | null {
  const realm = 'Bearer realm="trainyard"';
  if (status === 401) return realm;
  const needed = details?.["needed"];
  return code === "INSUFFICIENT_SCOPE" && typeof needed === "string"
    ? `${realm}, error="insufficient_scope", scope="${needed}"`
    : null;
}

function retryAfterSeconds({ code, details }: WireError): number | null {
  if (code === "QUOTA_EXCEEDED") return 5;
  const seconds = details?.["retry_after_seconds"];
  return code === "RATE_LIMITED" && typeof seconds === "number" ? seconds : null;
}
