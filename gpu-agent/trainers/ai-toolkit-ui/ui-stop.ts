import type { StopWanted } from "@trainyard/shared/jobs/conclude.ts";
import type { ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import type { UiJob } from "./ui-rows.ts";

/** Who stopped a job that nobody stopped here, as far as the UI tells. */
export function stoppedThere(row: UiJob | null, end: ProcessEnd | null): StopWanted | null {
  if (end?.kind === "deleted") return byUi("It was deleted in the Web UI.");
  if (end?.kind === "not-started") return byUi("It was taken out of the Web UI's queue.");
  if (end?.kind === "reported" && end.status === "queued")
    return byUi("It went back into its queue in the Web UI.");
  const isStopped = row !== null && (row.status === "stopped" || row.stop);
  return isStopped ? byUi("It was stopped in the Web UI.") : null;
}

function byUi(reason: string): StopWanted {
  return { by: "ui", reason };
}
