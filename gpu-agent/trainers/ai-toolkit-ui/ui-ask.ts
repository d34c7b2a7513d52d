import { AppError } from "@trainyard/shared/errors.ts";
import { errorFields } from "../../log.ts";
import type { TrainerRequest } from "../trainer.ts";
import { save } from "./ui-following.ts";
import type { Following, UiFollowDeps } from "./ui-following.ts";
import { isActive } from "./ui-rows.ts";
import { UiProblem } from "./ui-server.ts";

export async function askUi(following: Following, what: TrainerRequest): Promise<boolean> {
  const { deps, sight, state, rhythm } = following;
  if (what === "stop") return askToStop(following);
  if (state.uiJobId === null || !state.began || sight.row()?.status !== "running") return false;
  const { uiJobId } = state;
  return orUnreachable(async () => {
    await deps.api.request(uiJobId, what);
    rhythm.soon();
    return true;
  });
}

async function askToStop(following: Following): Promise<boolean> {
  const { deps, state, rhythm } = following;
  const { uiJobId } = state;
  if (uiJobId === null || (state.placeBefore === null && !state.queueStarted)) {
    // Nobody there was asked to start it.
    following.end = { kind: "not-started" };
    return true;
  }
  return orUnreachable(async () => {
    const row = await deps.api.job(uiJobId);
    if (row === null) return false;
    // `stop` leaves a job that waits in its queue, to be started later.
    if (row.status === "queued") await deps.api.markStopped(uiJobId);
    else if (isActive(row)) {
      await deps.api.stop(uiJobId);
      save(following, { ...following.state, interrupted: true });
    }
    rhythm.soon();
    return true;
  });
}

/** Throws AppError where nobody answers: to ask again helps then. What the server itself refuses is a no. */
async function orUnreachable(question: () => Promise<boolean>): Promise<boolean> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof UiProblem)) throw error;
    if (error.kind === "not-found" || error.kind === "refused") return false;
    throw new AppError("TRAINER_UNREACHABLE", `AI Toolkit's Web UI: ${error.message}`, {
      hint: "Look whether it runs on the box (trainyard doctor), then ask again.",
      cause: error,
    });
  }
}

export function signalProcess(
  following: Following,
  effect: "interrupt" | "terminate" | "kill",
): void {
  const { process, state, deps, request } = following;
  const identity = process.identity();
  if (identity === null || process.look(null, null) !== "alive") return;
  // The UI's stop interrupted it already; a second interrupt would tear what it is clearing up.
  if (effect === "interrupt" && state.interrupted) return;
  const send = (pid: number, signal: Parameters<UiFollowDeps["signal"]>[1]): void => {
    try {
      deps.signal(pid, signal);
    } catch (error) {
      if ((error as { code?: unknown }).code === "ESRCH") return;
      deps.log("warn", "a UI job's process could not be ended", {
        ...request.key,
        ...errorFields(error),
      });
    }
  };
  if (effect === "interrupt") send(identity.pid, "SIGINT");
  // It leads a group of its own: the UI starts it detached.
  else if (effect === "terminate") send(-identity.pid, "SIGTERM");
  else {
    send(-identity.pid, "SIGKILL");
    send(identity.pid, "SIGKILL");
  }
}
