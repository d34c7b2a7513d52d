import { AppError } from "@trainyard/shared/errors.ts";
import { z } from "zod";
import { fromBase64Url, toBase64Url } from "../transfer/links.ts";

/** Where a watching stands between two calls. Opaque to the caller, and nothing secret: it is not signed. */
const cursorSchema = z.object({
  j: z.string().max(100),
  /** When the watching began and when its last point was taken, edge clock. */
  b: z.number(),
  t: z.number(),
  step: z.int().nullable(),
  loss: z.number().nullable(),
});
export type WatchCursor = z.infer<typeof cursorSchema>;

export function writeCursor(cursor: WatchCursor): string {
  return toBase64Url(new TextEncoder().encode(JSON.stringify(cursor)));
}

export function readCursor(text: string, jobId: string): WatchCursor {
  const bytes = fromBase64Url(text);
  try {
    const parsed = cursorSchema.parse(
      JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array())),
    );
    if (parsed.j === jobId) return parsed;
  } catch (cause) {
    throw unknownCursor(cause);
  }
  throw unknownCursor();
}

function unknownCursor(cause?: unknown): AppError {
  return new AppError("INVALID_ARGUMENT", "cursor is not from a watching of this job.", {
    hint: "Pass the cursor of the last answer about this job, or leave it out.",
    details: { field: "cursor" },
    ...(cause === undefined ? {} : { cause }),
  });
}
