import { Hono } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { unwrap } from "../outcome.ts";
import { hubOf, jobOf } from "../stubs.ts";
import { authenticate } from "./auth.ts";
import type { Door } from "./door.ts";

export const metrics = new Hono<Door>();

/** One key's whole series in pages of columns; NaN is a value, written as "NaN". */
metrics.get("/jobs/:job_id/metrics", async (c) => {
  const principal = await authenticate(c.req.raw.headers, c.get("settings"));
  const jobId = c.req.param("job_id");
  // The owner's index first: asking a Job object by a guessed name would create it.
  unwrap(await hubOf(c.env, principal.owner).viewJob(jobId, false));
  const page = unwrap(
    await jobOf(c.env, principal.owner, jobId).series({
      key: c.req.query("key") ?? "loss",
      from: whole("from", c.req.query("from"), 0, 0, Number.MAX_SAFE_INTEGER),
      limit: whole(
        "limit",
        c.req.query("limit"),
        limits.metricsPageRows,
        1,
        limits.metricsPageRows,
      ),
      attempt: whole("attempt", c.req.query("attempt"), null, 1, 10_000),
    }),
  );
  return c.json({ ok: true, request_id: c.get("requestId"), job_id: jobId, ...page });
});

function whole<Default extends number | null>(
  field: string,
  text: string | undefined,
  otherwise: Default,
  min: number,
  max: number,
): number | Default {
  if (text === undefined) return otherwise;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new AppError("INVALID_ARGUMENT", `${field} must be a whole number from ${min} to ${max}.`, {
    hint: `Leave ${field} out for everything, or page with the answer's next.`,
    details: { field },
  });
}
