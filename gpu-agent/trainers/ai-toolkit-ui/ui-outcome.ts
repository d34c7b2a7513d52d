import type { FinalArtifact } from "@trainyard/shared/jobs/conclude.ts";
import type { Evidence } from "@trainyard/shared/jobs/failure.ts";
import { redact } from "@trainyard/shared/redact.ts";
import type { OutputPlace } from "../trainer.ts";
import type { Following } from "./ui-following.ts";
import { judgeFinalByUi } from "./ui-output.ts";
import { UiProblem } from "./ui-server.ts";

export async function judgeFinal(following: Following): Promise<FinalArtifact | null> {
  const { deps, state, request } = following;
  const { training } = request;
  if (state.uiJobId === null) return null;
  try {
    return await judgeFinalByUi(deps.api, state.uiJobId, {
      fileStem: training.fileStem ?? training.name,
      shown: (name) => `outputs/${training.outputName}/${name}`,
    });
  } catch (error) {
    if (!(error instanceof UiProblem)) throw error;
    deps.log("warn", "a UI job's model could not be looked at", {
      ...request.key,
      reason: error.message,
    });
    return null;
  }
}

export function endedAtMs({ sight, metrics }: Following): number | null {
  if (!sight.wasOver()) return null;
  const wall = metrics.lastWall();
  return wall === null ? (sight.row()?.updated_at ?? null) : Math.trunc(wall * 1_000);
}

export function evidenceOf({ sight, state, process, place, deps }: Following): Evidence {
  const row = sight.row();
  const seen: OutputPlace | null = place.look(state);
  return {
    ui_job: state.uiJobId,
    ui_status: row?.status ?? null,
    ui_info: row === null ? null : redact(row.info, deps.secrets),
    ui_process: process.identity() === null ? "not seen on this box" : "seen on this box",
    artifact_checked: seen === null ? "by range, through the UI" : "on disk",
  };
}
