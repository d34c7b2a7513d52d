import { limits } from "@trainyard/shared/limits.ts";
import { errorFields } from "../log.ts";
import type { TrainerRequest } from "../trainers/trainer.ts";
import type { AttemptRequests } from "./attempt-requests.ts";
import type { AttemptJournal } from "./attempt-journal.ts";
import type { StopRecord } from "./attempt-spec.ts";
import type { EndWatch } from "./end-watch.ts";
import type { LiveAttempt } from "./live-attempt.ts";
import {
  beginStop,
  climb,
  hastenStop,
  ladderDeadlines,
  resumeStop,
  skipAsking,
} from "./stop-ladder.ts";
import type { StopLadder, StopMode } from "./stop-ladder.ts";

export interface StopRequest {
  readonly by: string;
  readonly reason: string;
  readonly mode: StopMode;
}

export interface AttemptStop {
  want(request: StopRequest): void;
  isWanted(): boolean;
  /** Takes the next step of a stop that is wanted, when it is time. */
  climb(): Promise<void>;
  /** The attempt has ended: from now on no stop is taken. Tells what was wanted and whether SIGKILL was needed. */
  settle(): { readonly wanted: StopRecord | null; readonly forced: boolean };
}

export function createAttemptStop(
  attempt: LiveAttempt,
  stored: StopRecord | null,
  {
    journal,
    watch,
    requests,
  }: {
    readonly journal: AttemptJournal;
    readonly watch: EndWatch;
    readonly requests: AttemptRequests;
  },
): AttemptStop {
  const { key, memory, environment } = attempt;
  const { time, log } = environment;
  let settled = false;
  let stop =
    stored === null ? null : { ...stored, ladder: resumeStop(stored.ladder, time.monotonic()) };

  /** What became of the checkpoint is known only now: a guardrail's stop says it, a person's reason stays the person's. */
  const withOutcome = (record: StopRecord, { acted, savesBefore }: StopLadder): StopRecord => {
    if (!record.by.startsWith("guardrail:")) return record;
    const outcome =
      memory.saves > savesBefore
        ? "A checkpoint was saved first."
        : !requests.understands("save")
          ? "No checkpoint was saved first: the trainer cannot save on request."
          : acted
            ? "No checkpoint was saved first: the trainer did not save one in time."
            : "No checkpoint was saved first.";
    const reason = `${record.reason} ${outcome}`.slice(0, limits.stopReasonCharacters);
    const { by, ladder } = record;
    journal.say({ state: journal.state(), stop: { by, reason, mode: ladder.mode } });
    return { ...record, reason };
  };

  const asked = async (what: TrainerRequest): Promise<boolean> => {
    try {
      return await requests.ask(what);
    } catch (error) {
      log("warn", "the trainer could not be asked", { ...key, what, ...errorFields(error) });
      return false;
    }
  };

  return {
    want({ by, reason, mode }) {
      if (settled) return;
      const nowMs = time.monotonic();
      if (stop !== null) {
        const hastened = hastenStop(stop.ladder, mode, nowMs);
        if (hastened === stop.ladder) return;
        stop = { ...stop, ladder: hastened };
        journal.commit({ stop });
        return;
      }
      const ladder = beginStop(mode, { nowMs, savesSeen: memory.saves });
      stop = { by, reason, requestedAtMs: time.now(), ladder };
      journal.say({ state: "stopping", stop: { by, reason, mode } });
      // The intent is durable before anything is done about it.
      journal.commit({ state: "stopping", stop });
    },
    isWanted: () => stop !== null,
    async climb() {
      if (stop === null) return;
      const { ladder, effect } = climb(
        stop.ladder,
        {
          nowMs: time.monotonic(),
          alive: watch.alive(),
          saving: memory.saving,
          canSave: requests.understands("save") && requests.hasTrained() && requests.hasStepsLeft(),
          canAsk: requests.understands("stop"),
          canSignal: watch.canSignal(),
          savesSeen: memory.saves,
        },
        environment.deadlines ?? ladderDeadlines,
      );
      if (ladder === stop.ladder) return;
      const before = stop.ladder;
      stop = { ...stop, ladder };
      if (before.step === "checkpoint" && ladder.step !== "checkpoint") {
        stop = withOutcome(stop, before);
      }
      // Saved first, so that it happens at most once; on a full disk it happens all the same.
      journal.commit({ stop });
      if (effect === null) return;
      log("info", "stop ladder", { ...key, step: ladder.step });
      if (effect === "interrupt" || effect === "terminate" || effect === "kill") {
        watch.signal(effect);
        return;
      }
      if (await asked(effect === "save" ? "save" : "stop")) return;
      // Not waited for; the next turn takes the next step. Behind the await the ladder may have been hastened.
      const nowMs = time.monotonic();
      if (effect === "save") {
        stop = {
          ...withOutcome(stop, { ...ladder, acted: false }),
          ladder: hastenStop(stop.ladder, "now", nowMs),
        };
      } else if (watch.canSignal()) {
        stop = { ...stop, ladder: skipAsking(stop.ladder, nowMs) };
      }
    },
    settle() {
      settled = true;
      return {
        wanted: stop,
        forced: stop !== null && stop.ladder.step === "kill" && stop.ladder.acted,
      };
    },
  };
}
