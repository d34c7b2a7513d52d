import { medianOf, shortNumber } from "./guard-finding.ts";
import type { Finding } from "./guard-finding.ts";
import type { GuardrailRules } from "./guard-rules.ts";

export interface ThroughputState {
  /** Steps a second of earlier observations that were not low; the newest last. */
  readonly speeds: readonly number[];
  readonly observations: number;
  readonly low: number;
  /** Clock of training at the last observation. */
  readonly lastAtMs: number | null;
}

export const freshThroughput: ThroughputState = {
  speeds: [],
  observations: 0,
  low: 0,
  lastAtMs: null,
};

/** The bar's speed is an average that forgets slowly: two looks at the same slow step must not count as two. */
const everyMs = 10_000;
/** Before this many the job has no speed of its own yet: its first steps compile and warm caches. */
const warmUp = 6;
const kept = 64;
/** A log may print anything, and what is saved must be JSON. */
const fastest = 1e9;

/**
 * On by default, 0.02 steps a second and half of the job's own median, twice running. The floor alone would stop runs
 * that are slow by nature (a minute a step with a large video model); the fall alone would stop one that shares its GPU.
 * An owner who names a floor means the floor: `throughputDrop` is null then.
 */
export function judgeThroughput(
  rules: GuardrailRules,
  state: ThroughputState,
  shown: {
    readonly step: number;
    readonly stepsPerSecond: number | null;
    readonly trainingMs: number;
  },
): { readonly state: ThroughputState; readonly finding: Finding | null } {
  const { stepsPerSecond, trainingMs, step } = shown;
  const { lastAtMs } = state;
  if (stepsPerSecond === null || !(stepsPerSecond >= 0)) return { state, finding: null };
  const speed = Math.abs(Math.min(stepsPerSecond, fastest));
  if (lastAtMs !== null && trainingMs - lastAtMs < everyMs) return { state, finding: null };
  const next = { ...state, observations: state.observations + 1, lastAtMs: trainingMs };
  const median = state.speeds.length >= warmUp ? medianOf(state.speeds) : null;
  const fell =
    rules.throughputDrop === null
      ? state.observations >= warmUp
      : median !== null && speed <= rules.throughputDrop * median;
  if (!fell || speed > rules.throughputFloor) {
    return {
      state: {
        ...next,
        low: 0,
        speeds: [...state.speeds, shortNumber(speed)].slice(-kept),
      },
      finding: null,
    };
  }
  const low = state.low + 1;
  if (low < rules.lowSpeedObservations) return { state: { ...next, low }, finding: null };
  return {
    state: { ...next, low },
    finding: {
      code: "TRAINING_THROUGHPUT_COLLAPSE",
      severity: "critical",
      category: "speed",
      message: `The speed fell to ${shortNumber(speed)} steps a second${median === null ? "" : `; the job's own median is ${shortNumber(median)}`}, and the floor is ${rules.throughputFloor}.`,
      step,
      evidence: {
        latest_iter_per_sec: shortNumber(speed),
        median_iter_per_sec: median === null ? null : shortNumber(median),
        throughput_floor_iter_per_sec: rules.throughputFloor,
        consecutive_low_speed_polls: low,
      },
    },
  };
}
