import type { LogEvent, LogPhase } from "../../logs/ai-toolkit/log-events.ts";
import { freshDisk, judgeDisk } from "./guard-disk.ts";
import type { DiskFacts, DiskState } from "./guard-disk.ts";
import type { Finding, Trigger } from "./guard-finding.ts";
import { judgeHours, judgeSteps } from "./guard-limits.ts";
import { freshLoss, judgeLoss } from "./guard-loss.ts";
import type { LossState } from "./guard-loss.ts";
import { freshNan, judgeNan } from "./guard-nan.ts";
import type { NanState } from "./guard-nan.ts";
import { freshOom, judgeOom } from "./guard-oom.ts";
import type { OomState } from "./guard-oom.ts";
import { guardrailCodes, levelOf, sameRule } from "./guard-rules.ts";
import type { GuardrailCode, GuardrailRules } from "./guard-rules.ts";
import { freshStall, judgeStall, noteStep } from "./guard-stall.ts";
import type { StallState } from "./guard-stall.ts";
import { freshThroughput, judgeThroughput } from "./guard-throughput.ts";
import type { ThroughputState } from "./guard-throughput.ts";

export type { Trigger } from "./guard-finding.ts";
export {
  actingRules,
  defaultGuardrailRules,
  guardrailCodes,
  guardrailRulesSchema,
  noGuardrailRules,
} from "./guard-rules.ts";
export type { GuardrailCode, GuardrailRules } from "./guard-rules.ts";

/**
 * The guardrails of one attempt: a reducer of what was read and of time that is handed in. The state is plain JSON and is
 * saved in the transaction that saves the reader's, so a restarted agent neither forgets nor fires twice.
 */
export interface GuardrailState extends NanState {
  /** What fired, each once: the code, or the code and `:warn` for what only warned. */
  readonly fired: readonly string[];
  readonly phase: LogPhase | null;
  /** Completed count and total, as the bar shows them. */
  readonly step: number | null;
  readonly totalSteps: number | null;
  /** Time that was watched while the trainer was training. */
  readonly trainingMs: number;
  readonly oom: OomState;
  readonly stall: StallState;
  readonly throughput: ThroughputState;
  readonly loss: LossState;
  readonly disk: DiskState;
}

export const freshGuardrailState: GuardrailState = {
  ...freshNan,
  fired: [],
  phase: null,
  step: null,
  totalSteps: null,
  trainingMs: 0,
  oom: freshOom,
  stall: freshStall,
  throughput: freshThroughput,
  loss: freshLoss,
  disk: freshDisk,
};

/** A state that an earlier version saved goes on with what it lacks fresh. */
export function restoreGuardrails(saved: Partial<GuardrailState> | null): GuardrailState {
  return { ...freshGuardrailState, ...saved };
}

export type Observation =
  | { readonly kind: "event"; readonly event: LogEvent }
  /** One point of the loss at a loop index; NaN when the trainer said so. */
  | { readonly kind: "loss"; readonly step: number; readonly loss: number }
  | {
      readonly kind: "tick";
      /** Since the last tick, by a clock that does not jump; 0 at the first one of a process. */
      readonly elapsedMs: number;
      /** How long the attempt has run. */
      readonly ranMs: number;
      /** Null: not looked at this time. */
      readonly disk: DiskFacts | null;
    };

export interface Judgement {
  readonly state: GuardrailState;
  readonly triggers: readonly Trigger[];
}

/**
 * The longest step of the clock that counts. Ticks come twice a second; more between two of them means that the box slept
 * or the agent was held up, and the trainer with it: that is no stall.
 */
export const longestTickMs = 5_000;

/** Takes one observation; every trigger is told once in an attempt's life. */
export function observe(
  rules: GuardrailRules,
  state: GuardrailState,
  observation: Observation,
): Judgement {
  switch (observation.kind) {
    case "event":
      return observeEvent(rules, state, observation.event);
    case "loss":
      return observeLoss(rules, state, observation.step, observation.loss);
    case "tick":
      return observeTick(rules, state, observation);
  }
}

/**
 * Rules whose own settings changed are judged as if they had not fired, and what they count in a row or in a window begins
 * now; so are those that may stop again because a dry run ends. All others go on where they are, and what was measured stays.
 */
export function withNewRules(
  state: GuardrailState,
  before: GuardrailRules,
  after: GuardrailRules,
): GuardrailState {
  const armed = (code: GuardrailCode): boolean =>
    before.dryRun && !after.dryRun && levelOf(after, code) === "stop";
  const changed = (code: GuardrailCode): boolean => !sameRule(before, after, code);
  const anew = (code: GuardrailCode): boolean => changed(code) || armed(code);
  const { stall, step, trainingMs } = state;
  return {
    ...state,
    fired: state.fired.filter((key) => {
      const told = guardrailCodes.find((code) => key === `${code}:warn`);
      // A warning stays told: a dry run was none of its business.
      return told === undefined ? !anew(key as GuardrailCode) : !changed(told);
    }),
    stall:
      anew("TRAINING_STALLED_PROGRESS") && stall.markStep !== null
        ? { ...stall, markStep: step, markAtMs: trainingMs }
        : stall,
    throughput: anew("TRAINING_THROUGHPUT_COLLAPSE")
      ? { ...state.throughput, low: 0 }
      : state.throughput,
    disk: anew("DISK_NEARLY_FULL") ? freshDisk : state.disk,
  };
}

function observeEvent(rules: GuardrailRules, state: GuardrailState, event: LogEvent): Judgement {
  switch (event.kind) {
    case "phase":
      return { state: { ...state, phase: event.phase }, triggers: [] };
    case "oomSkipped": {
      const { state: oom, finding } = judgeOom(rules, state.oom, state.step);
      return told(rules, { ...state, oom }, [finding]);
    }
    case "progress": {
      const { currentStep: step, totalSteps, stepsPerSecond } = event;
      const shown = { step, stepsPerSecond, trainingMs: state.trainingMs };
      const { state: throughput, finding } = judgeThroughput(rules, state.throughput, shown);
      const next = {
        ...state,
        step,
        totalSteps,
        throughput,
        stall: noteStep(rules, state.stall, shown),
      };
      return told(rules, next, isAtEnd(next) ? [] : [finding, judgeSteps(rules, step)]);
    }
    default:
      return { state, triggers: [] };
  }
}

function observeLoss(
  rules: GuardrailRules,
  state: GuardrailState,
  step: number,
  loss: number,
): Judgement {
  const nan = judgeNan(rules, state, step, loss);
  const explosion = judgeLoss(rules, state.loss, step, loss);
  const next =
    nan.state === state
      ? { ...state, loss: explosion.state }
      : { ...state, ...nan.state, loss: explosion.state };
  return told(rules, next, isAtEnd(next) ? [] : [nan.finding, explosion.finding]);
}

function observeTick(
  rules: GuardrailRules,
  state: GuardrailState,
  { elapsedMs, ranMs, disk }: Extract<Observation, { kind: "tick" }>,
): Judgement {
  const training = state.phase === "training" && !isAtEnd(state);
  const watchedMs = training && elapsedMs > 0 ? Math.min(elapsedMs, longestTickMs) : 0;
  const next = watchedMs === 0 ? state : { ...state, trainingMs: state.trainingMs + watchedMs };
  if (isAtEnd(next)) return { state: next, triggers: [] };
  const looked = disk === null ? null : judgeDisk(next.disk, disk, next.step);
  return told(rules, looked === null ? next : { ...next, disk: looked.state }, [
    training ? judgeStall(rules, next.stall, next) : null,
    looked?.finding ?? null,
    judgeSteps(rules, next.step),
    judgeHours(rules, ranMs, next.step),
  ]);
}

/** After the last step come the last pictures and the model: nothing is stopped any more. */
function isAtEnd({ step, totalSteps }: GuardrailState): boolean {
  return step !== null && totalSteps !== null && step >= totalSteps;
}

function told(
  rules: GuardrailRules,
  state: GuardrailState,
  findings: readonly (Finding | null)[],
): Judgement {
  const triggers: Trigger[] = [];
  let { fired } = state;
  for (const found of findings) {
    if (found === null) continue;
    const { onlyWarns, noSave, ...finding } = found;
    const level = levelOf(rules, finding.code);
    if (level === "off") continue;
    const warns = level === "warn" || onlyWarns === true;
    const key = warns ? `${finding.code}:warn` : finding.code;
    if (fired.includes(key)) continue;
    fired = [...fired, key];
    triggers.push({
      ...finding,
      severity: warns ? "warning" : finding.severity,
      act: warns ? "warn" : rules.dryRun ? "would-stop" : "stop",
      save: noSave !== true,
    });
  }
  return { state: fired === state.fired ? state : { ...state, fired }, triggers };
}
