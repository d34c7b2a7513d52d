import { AppError } from "@trainyard/shared/errors.ts";
import { unwrap } from "../outcome.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext } from "./context.ts";
import type { GatheredRun } from "./gather-runs.ts";

/** The log's end, redacted on the box: from there while it is connected, else the tail that the Job keeps. Data, never advice. */
export async function logExcerpt(
  { view }: Pick<GatheredRun, "view">,
  lines: number,
  context: EdgeContext,
): Promise<string> {
  const { jobId, agentId, attempt } = view.summary;
  if (attempt > 0 && view.connectivity === "live") {
    try {
      const read = await context.callAgent(agentId, "read-log", {
        jobId,
        attempt: null,
        stream: "both",
        lines,
        grep: null,
        around: null,
      });
      return read.lines.map(({ text }) => text).join("\n");
    } catch (error) {
      // The log may be gone from the box; what is kept here is still true.
      const gone = error instanceof AppError && error.code === "NOT_FOUND";
      if (!gone && !isUnreachable(error)) throw error;
    }
  }
  const { logTail } = unwrap(await context.job(jobId).describe());
  return logTail.slice(-lines).join("\n");
}
