import { statfsSync } from "node:fs";
import { observe, withNewRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type {
  GuardrailRules,
  Observation,
  Trigger,
} from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { LogEvent } from "@trainyard/shared/logs/ai-toolkit/log-events.ts";
import type { AttemptJournal } from "./attempt-journal.ts";
import type { AttemptStop } from "./attempt-stop.ts";
import type { EndWatch } from "./end-watch.ts";
import type { LiveAttempt } from "./live-attempt.ts";
import { folderOf } from "./output-folder.ts";

/** Judges an attempt by its rules for as long as it lives; whether anybody is connected plays no part. */
export interface AttemptGuard {
  event(event: LogEvent): void;
  loss(step: number, loss: number): void;
  /** Once a turn while the process lives. `caughtUp`: what it wrote was read to its end, so standing still means something. */
  tick(caughtUp: boolean): void;
  /** The process is gone: what is read from now on can only be told. */
  ended(): void;
  /** Rules in force, with the number under which the edge knows them. */
  rules(): { readonly rules: GuardrailRules; readonly revision: number };
  /** Durable when it returns; changes nothing where these or newer ones are in force. Throws STORAGE_FULL. */
  setRules(rules: GuardrailRules, revision: number): void;
}

/** Free to us on the disk of this folder; null where it cannot be told. */
function freeBytesOf(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

export function createAttemptGuard(
  attempt: LiveAttempt,
  {
    journal,
    stop,
    watch,
  }: {
    readonly journal: AttemptJournal;
    readonly stop: AttemptStop;
    readonly watch: EndWatch;
  },
): AttemptGuard {
  const { memory, spec, environment, place } = attempt;
  const { time, freeBytes = freeBytesOf } = environment;
  let lastTickAt: number | null = null;
  let gone = false;
  // An earlier process has read some of the log: what is found until we stand at its end happened while nobody looked.
  let late = memory.reader !== null;
  let diskLookedAt = Number.NEGATIVE_INFINITY;
  let clockSavedAtMs = memory.guardrail.trainingMs;

  const inForce = () =>
    memory.guardrailRules ?? {
      rules: spec.args.guardrails,
      revision: spec.args.guardrailsRevision ?? 0,
    };

  const take = (observation: Observation): void => {
    const judged = observe(inForce().rules, memory.guardrail, observation);
    memory.guardrail = judged.state;
    for (const trigger of judged.triggers) tell(trigger);
  };

  /** Nobody stops what has ended: a finding in what it left behind must not make a stopped job of a completed one. */
  const isGone = (): boolean => gone || (journal.state() === "running" && !watch.alive());

  const tell = (trigger: Trigger): void => {
    // One end is enough: what is being stopped already is not judged any further.
    if (stop.isWanted()) return;
    const { act, save, code, message: finding, ...rest } = trigger;
    const stops = act === "stop" && !isGone();
    const found =
      late && rest.step !== null
        ? `Found when the agent came back, at step ${rest.step} of the log: ${finding}`
        : finding;
    const message =
      act === "would-stop" ? `Dry run: this would have stopped the job. ${found}` : found;
    journal.add({
      kind: "alert",
      atMs: time.now(),
      code,
      message,
      ...rest,
      guardrail: stops,
      ...(act === "would-stop" ? { wouldStop: true } : {}),
    });
    if (!stops) return;
    // Commits the alert, the rule's memory and the wish in one transaction: killed before it, all comes again; after it, none.
    stop.want({
      by: `guardrail:${code}`,
      reason: save ? message : `${message} No checkpoint is saved: there is no room.`,
      mode: save ? "checkpoint" : "now",
    });
  };

  const lookAtDisk = (nowMs: number) => {
    if (nowMs - diskLookedAt < limits.guardDiskLookMs) return null;
    diskLookedAt = nowMs;
    const folder = folderOf(place());
    const free = folder === null ? null : freeBytes(folder);
    return free === null ? null : { freeBytes: free, checkpointBytes: memory.checkpointBytes };
  };

  return {
    event: (event) => take({ kind: "event", event }),
    loss: (step, loss) => take({ kind: "loss", step, loss }),
    tick(caughtUp) {
      const nowMs = time.monotonic();
      late &&= !caughtUp;
      // The first tick of a process: the trainer ran on meanwhile, but nobody saw whether it moved.
      const elapsedMs = lastTickAt === null ? 0 : nowMs - lastTickAt;
      memory.ranMs +=
        lastTickAt === null ? Math.max(0, time.now() - memory.observedAtMs) : elapsedMs;
      lastTickAt = nowMs;
      if (stop.isWanted()) return;
      take({
        kind: "tick",
        elapsedMs: caughtUp ? elapsedMs : 0,
        ranMs: memory.ranMs,
        disk: lookAtDisk(nowMs),
      });
      // A trainer that hangs writes nothing, so nothing else would save how long it has hung.
      if (memory.guardrail.trainingMs - clockSavedAtMs < limits.guardClockSaveMs) return;
      clockSavedAtMs = memory.guardrail.trainingMs;
      journal.touch();
    },
    ended: () => void (gone = true),
    rules: inForce,
    setRules(rules, revision) {
      if (revision > inForce().revision) {
        memory.guardrail = withNewRules(memory.guardrail, inForce().rules, rules);
        memory.guardrailRules = { rules, revision };
        journal.say({ state: journal.state(), guardrails: { revision, rules } });
      } else if (!journal.isStalled()) {
        return;
      }
      if (journal.commit()) return;
      throw new AppError("STORAGE_FULL", "The box's disk is full: the rules could not be saved.", {
        hint: "Free some space on the box, then call set-guardrails again.",
      });
    },
  };
}
