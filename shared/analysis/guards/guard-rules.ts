import { z } from "zod";

/**
 * What may end a job besides its own failure and its owner. The rules belong to the job and are judged on the box for its
 * whole life, with or without a connection. docs/guardrails.md explains each; the thresholds that are not rules of the
 * owner stand with their reasons in the rule's own file.
 */
export const guardrailCodes = [
  "TRAINING_NAN_LOSS",
  "TRAINING_REPEATED_OOM",
  "TRAINING_STALLED_PROGRESS",
  "TRAINING_THROUGHPUT_COLLAPSE",
  "TRAINING_LOSS_EXPLOSION",
  "DISK_NEARLY_FULL",
  "MAX_HOURS_REACHED",
  "MAX_STEPS_REACHED",
] as const;
export type GuardrailCode = (typeof guardrailCodes)[number];

/** A field that an older peer does not send means that nobody asked for that rule: it is off. */
export const guardrailRulesSchema = z.object({
  stopOnNan: z.boolean(),
  /** Steps with a NaN loss before the rule fires. One is a blip that AI Toolkit survives by setting the loss to 0. */
  nanThreshold: z.int().min(1).max(1_000),
  stopOnRepeatedOom: z.boolean().default(false),
  /** Batches skipped for want of memory within 100 steps. AI Toolkit itself gives up at the fourth in a row. */
  oomThreshold: z.int().min(1).max(100).default(3),
  stopOnStalledProgress: z.boolean().default(false),
  /** Seconds of training, not of loading, caching, sampling or saving. */
  stallWindowSeconds: z.int().min(10).max(3_600).default(600),
  /** Steps that the window must bring. */
  minStepDelta: z.int().min(1).max(1_000).default(1),
  stopOnThroughputCollapse: z.boolean().default(false),
  throughputFloor: z.number().min(0).default(0.02),
  /** The speed must also be at most this part of the job's own median; null: the floor alone counts. */
  throughputDrop: z.number().gt(0).max(1).nullable().default(0.5),
  lowSpeedObservations: z.int().min(1).max(20).default(2),
  stopOnLossExplosion: z.boolean().default(false),
  /** How many times its own running median the loss must be. */
  lossExplosionFactor: z.number().min(1.5).max(1_000).default(5),
  stopOnLowDisk: z.boolean().default(false),
  maxHours: z.number().gt(0).max(10_000).nullable().default(null),
  /** Completed steps, as the bar counts them. */
  maxSteps: z.int().min(1).nullable().default(null),
  /** These only tell. */
  warnOnly: z.array(z.enum(guardrailCodes)).max(guardrailCodes.length).default([]),
  /** Everything is judged and told, nothing is stopped. */
  dryRun: z.boolean().default(false),
});
export type GuardrailRules = z.infer<typeof guardrailRulesSchema>;

/** Every fault rule on; no limit of the owner. Chosen so that no healthy run is stopped (docs/guardrails.md). */
export const defaultGuardrailRules: GuardrailRules = {
  ...guardrailRulesSchema.parse({ stopOnNan: true, nanThreshold: 3 }),
  stopOnRepeatedOom: true,
  stopOnStalledProgress: true,
  stopOnThroughputCollapse: true,
  stopOnLossExplosion: true,
  stopOnLowDisk: true,
};
export const noGuardrailRules: GuardrailRules = guardrailRulesSchema.parse({
  stopOnNan: false,
  nanThreshold: 3,
});

/** What a finding of this rule does. */
type GuardrailLevel = "off" | "warn" | "stop";

export function levelOf(rules: GuardrailRules, code: GuardrailCode): GuardrailLevel {
  if (rules.warnOnly.includes(code)) return "warn";
  return stops(rules, code) ? "stop" : "off";
}

function stops(rules: GuardrailRules, code: GuardrailCode): boolean {
  switch (code) {
    case "TRAINING_NAN_LOSS":
      return rules.stopOnNan;
    case "TRAINING_REPEATED_OOM":
      return rules.stopOnRepeatedOom;
    case "TRAINING_STALLED_PROGRESS":
      return rules.stopOnStalledProgress;
    case "TRAINING_THROUGHPUT_COLLAPSE":
      return rules.stopOnThroughputCollapse;
    case "TRAINING_LOSS_EXPLOSION":
      return rules.stopOnLossExplosion;
    case "DISK_NEARLY_FULL":
      return rules.stopOnLowDisk;
    case "MAX_HOURS_REACHED":
      return rules.maxHours !== null;
    case "MAX_STEPS_REACHED":
      return rules.maxSteps !== null;
  }
}

/** The thresholds of each rule. */
const thresholds: Readonly<Record<GuardrailCode, readonly (keyof GuardrailRules)[]>> = {
  TRAINING_NAN_LOSS: ["nanThreshold"],
  TRAINING_REPEATED_OOM: ["oomThreshold"],
  TRAINING_STALLED_PROGRESS: ["stallWindowSeconds", "minStepDelta"],
  TRAINING_THROUGHPUT_COLLAPSE: ["throughputFloor", "throughputDrop", "lowSpeedObservations"],
  TRAINING_LOSS_EXPLOSION: ["lossExplosionFactor"],
  DISK_NEARLY_FULL: [],
  MAX_HOURS_REACHED: ["maxHours"],
  MAX_STEPS_REACHED: ["maxSteps"],
};

/** Is this rule, by its own settings, the same in both? A dry run is no setting of a single rule. */
export function sameRule(a: GuardrailRules, b: GuardrailRules, code: GuardrailCode): boolean {
  return (
    levelOf(a, code) === levelOf(b, code) && thresholds[code].every((name) => a[name] === b[name])
  );
}

/** Codes of the rules that stop the job; none in a dry run. */
export function actingRules(rules: GuardrailRules): readonly GuardrailCode[] {
  return rules.dryRun ? [] : guardrailCodes.filter((code) => levelOf(rules, code) === "stop");
}
