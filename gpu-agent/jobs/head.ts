import type { JobState } from "@trainyard/shared/jobs/state.ts";
import type { Head } from "@trainyard/shared/protocol/items.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import type { AttemptFiles } from "../home.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import { logEnd } from "./log-end.ts";

/** The newest truth about an attempt, from what was read and the end of its log. */
export function headOf(of: {
  readonly state: JobState;
  readonly memory: AttemptMemory | null;
  readonly files: AttemptFiles;
  readonly secrets: readonly KnownSecret[];
  readonly observedAtMs: number;
}): Head {
  const { memory } = of;
  return {
    state: of.state,
    phase: memory?.phase ?? null,
    currentStep: memory?.currentStep ?? null,
    totalSteps: memory?.totalSteps ?? null,
    stepsPerSecond: memory?.stepsPerSecond ?? null,
    remainingSeconds: memory?.remainingSeconds ?? null,
    loss: memory?.loss ?? null,
    lr: memory?.lr ?? null,
    observedAtMs: of.observedAtMs,
    logTail: logEnd(of.files, of.secrets),
  };
}
