import { errorTable, errorToWire, isErrorCode } from "@trainyard/shared/errors.ts";
import type { WireError } from "@trainyard/shared/errors.ts";
import { describe } from "../outcome.ts";

/** The one place where an error becomes an HTTP answer: `{ok: false, request_id, error: {code, message, hint, details}}`. */
export function errorResponse(error: unknown, requestId: string = crypto.randomUUID()): Response {
  const wire = errorToWire(error, requestId);
  if (wire.code === "INTERNAL")
    console.error(JSON.stringify({ requestId, error: describe(error) }));
  return wireErrorResponse(wire, requestId);
}

function wireErrorResponse(wire: WireError, requestId: string): Response {
  const status = isErrorCode(wire.code) ? errorTable[wire.code].status : 500;
  const headers = new Headers({ "x-request-id": requestId });
  if (status === 401) headers.set("www-authenticate", 'Bearer realm="trainyard"');
  if (wire.code === "QUOTA_EXCEEDED") headers.set("retry-after", "5");
  return Response.json(
    {
      ok: false,
      request_id: requestId,
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
