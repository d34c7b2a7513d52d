/** The guardrails' public words: the options of the tools that set them, and the view of those in force. */
import { z } from "zod";
import { actingRules, guardrailCodes } from "../analysis/guards/guardrails.ts";
import type { GuardrailCode, GuardrailRules } from "../analysis/guards/guardrails.ts";

/** The seeds' nine knobs (peers 1.3), then ours. Bounds are theirs where they have some. */
const options = {
  stop_on_nan: z.boolean(),
  nan_threshold: z.int().min(1).max(1_000),
  stop_on_repeated_oom: z.boolean(),
  oom_threshold: z.int().min(1).max(100),
  stop_on_stalled_progress: z.boolean(),
  stall_window_seconds: z.int().min(10).max(3_600),
  min_step_delta: z.int().min(1).max(1_000),
  stop_on_throughput_collapse: z.boolean(),
  throughput_floor_iter_per_sec: z.number().min(0),
  low_speed_consecutive_polls: z.int().min(1).max(20),
  stop_on_loss_explosion: z.boolean(),
  loss_explosion_factor: z.number().min(1.5).max(1_000),
  stop_on_low_disk: z.boolean(),
  max_hours: z.number().gt(0).max(10_000),
  max_steps: z.int().min(1),
  dry_run: z.boolean(),
};

/** With the defaults of a guarded start; docs/guardrails.md has the reason of each. */
export const startOptions = {
  stop_on_nan: options.stop_on_nan.default(true),
  nan_threshold: options.nan_threshold.default(3),
  stop_on_repeated_oom: options.stop_on_repeated_oom.default(true),
  stop_on_stalled_progress: options.stop_on_stalled_progress.default(true),
  stop_on_throughput_collapse: options.stop_on_throughput_collapse.default(true),
  oom_threshold: options.oom_threshold.default(3),
  stall_window_seconds: options.stall_window_seconds.default(600),
  min_step_delta: options.min_step_delta.default(1),
  throughput_floor_iter_per_sec: options.throughput_floor_iter_per_sec.default(0.02),
  low_speed_consecutive_polls: options.low_speed_consecutive_polls.default(2),
  stop_on_loss_explosion: options.stop_on_loss_explosion.default(true),
  stop_on_low_disk: options.stop_on_low_disk.default(true),
  max_hours: options.max_hours.optional(),
  max_steps: options.max_steps.optional(),
  dry_run: options.dry_run.default(false),
};

/** By hand: the list of tools need not spell the codes, the refusal does. */
function isCode(value: unknown): boolean {
  return (guardrailCodes as readonly unknown[]).includes(value);
}

const ruleCode = z
  .custom<GuardrailCode>(isCode, `must be one of ${guardrailCodes.join(", ")}`)
  .meta({ type: "string" });

/** What is not given stays as it is, and null is "not given" at every door: 0 lifts a limit. */
export const changeOptions = {
  ...z.object(options).partial().shape,
  max_hours: z.number().min(0).max(10_000).optional(),
  max_steps: z.int().min(0).optional(),
  warn_only: z.array(ruleCode).optional(),
};

const code = z.enum(guardrailCodes);

export const guardrailsView = z.object({
  ...options,
  max_hours: options.max_hours.nullable(),
  max_steps: options.max_steps.nullable(),
  warn_only: z.array(code),
  acting: z.array(code).describe("Codes of the rules that stop the job."),
});
export type GuardrailsView = z.input<typeof guardrailsView>;

type Options = {
  readonly [Key in keyof typeof options]?: z.output<(typeof options)[Key]> | null;
} & {
  readonly warn_only?: GuardrailRules["warnOnly"] | undefined;
};

/**
 * The rules that the options name; an option that is missing changes nothing. `given`: what the caller wrote itself, since
 * a floor that the owner names counts alone, and the default one only beside a fall of the job's own speed.
 */
export function rulesFrom(
  chosen: { readonly [Key in keyof Options]: Options[Key] | undefined },
  given: ReadonlySet<string>,
): Partial<GuardrailRules> {
  const rules: { [Key in keyof GuardrailRules]: GuardrailRules[Key] | undefined } = {
    stopOnNan: chosen.stop_on_nan ?? undefined,
    nanThreshold: chosen.nan_threshold ?? undefined,
    stopOnRepeatedOom: chosen.stop_on_repeated_oom ?? undefined,
    oomThreshold: chosen.oom_threshold ?? undefined,
    stopOnStalledProgress: chosen.stop_on_stalled_progress ?? undefined,
    stallWindowSeconds: chosen.stall_window_seconds ?? undefined,
    minStepDelta: chosen.min_step_delta ?? undefined,
    stopOnThroughputCollapse: chosen.stop_on_throughput_collapse ?? undefined,
    throughputFloor: chosen.throughput_floor_iter_per_sec ?? undefined,
    throughputDrop: given.has("throughput_floor_iter_per_sec") ? null : undefined,
    lowSpeedObservations: chosen.low_speed_consecutive_polls ?? undefined,
    stopOnLossExplosion: chosen.stop_on_loss_explosion ?? undefined,
    lossExplosionFactor: chosen.loss_explosion_factor ?? undefined,
    stopOnLowDisk: chosen.stop_on_low_disk ?? undefined,
    maxHours: liftedByZero(chosen.max_hours),
    maxSteps: liftedByZero(chosen.max_steps),
    warnOnly: chosen.warn_only,
    dryRun: chosen.dry_run ?? undefined,
  };
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));
}

function liftedByZero(limit: number | null | undefined): number | null | undefined {
  return limit === 0 ? null : (limit ?? undefined);
}

export function viewOfRules(rules: GuardrailRules): GuardrailsView {
  return {
    stop_on_nan: rules.stopOnNan,
    nan_threshold: rules.nanThreshold,
    stop_on_repeated_oom: rules.stopOnRepeatedOom,
    oom_threshold: rules.oomThreshold,
    stop_on_stalled_progress: rules.stopOnStalledProgress,
    stall_window_seconds: rules.stallWindowSeconds,
    min_step_delta: rules.minStepDelta,
    stop_on_throughput_collapse: rules.stopOnThroughputCollapse,
    throughput_floor_iter_per_sec: rules.throughputFloor,
    low_speed_consecutive_polls: rules.lowSpeedObservations,
    stop_on_loss_explosion: rules.stopOnLossExplosion,
    loss_explosion_factor: rules.lossExplosionFactor,
    stop_on_low_disk: rules.stopOnLowDisk,
    max_hours: rules.maxHours,
    max_steps: rules.maxSteps,
    dry_run: rules.dryRun,
    warn_only: rules.warnOnly,
    acting: [...actingRules(rules)],
  };
}
