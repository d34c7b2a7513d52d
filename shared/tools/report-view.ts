/** Parts that the answers about a judged run share. Open objects: every score names its evidence beside it. */
import { z } from "zod";
import { lossValue } from "./job-view.ts";
import { instant, jsonDocument, jsonValue, maybe } from "./vocabulary.ts";

/** `{skipped: true}` where it was not asked for, or where too little is known. */
const skipped = { skipped: z.literal(true).optional() };

export const evaluationView = z
  .object({
    ...skipped,
    overall_score: z.number().optional(),
    grade: z.enum(["A", "B", "C", "D", "F"]).optional(),
    passed: z.boolean().optional(),
    pass_threshold: z.number().optional(),
    components: z.record(z.string(), z.number().nullable()).optional(),
    weights: z.record(z.string(), z.number()).optional(),
    diagnostics: z.array(z.string()).optional(),
  })
  .catchall(jsonValue);

export const experimentView = z
  .object({
    ...skipped,
    recommendation_type: z.string().optional(),
    parameter: z.string().optional(),
    current: jsonValue.optional(),
    proposed: jsonValue.optional(),
    expected_impact: z.string().optional(),
    risk_level: z.string().optional(),
    rationale: z.string().optional(),
    validation_plan: z.array(z.string()).optional(),
  })
  .catchall(jsonValue);

const bottleneck = z
  .object({
    code: z.string(),
    severity: z.string(),
    message: z.string(),
    evidence: jsonDocument.optional(),
    confidence: z.number(),
    confidence_source: z.string(),
  })
  .catchall(jsonValue);

export const intelligenceView = z
  .object({
    scores: jsonDocument.optional(),
    bottlenecks: z.array(bottleneck),
    recommendations: z.array(jsonDocument).optional(),
    decision_gates: z.record(z.string(), z.boolean()).optional(),
    thresholds: jsonDocument.optional(),
    context: jsonDocument.optional(),
    confidence: z.number().optional(),
  })
  .catchall(jsonValue);

export const reportAlert = z
  .object({
    code: maybe(z.string()),
    severity: z.string(),
    category: z.string(),
    message: z.string(),
    confidence: z.number().optional(),
  })
  .catchall(jsonValue);

export const runReportView = z
  .object({
    job_id: z.string(),
    job_name: z.string(),
    status: z.string(),
    overall_health: z.string(),
    metrics: jsonDocument,
    quality_analysis: jsonDocument,
    speed_analysis: jsonDocument,
    error_analysis: jsonDocument,
    dataset_analysis: jsonDocument,
    nlp_analysis: jsonDocument,
    alerts: z.array(reportAlert),
  })
  .catchall(jsonValue);

const rankedRun = z
  .object({
    job_id: z.string(),
    rank: z.int().min(1),
    scores: z.object({
      total: z.number(),
      components: z.record(z.string(), z.number().nullable()),
      weights: z.record(z.string(), z.number()).optional(),
    }),
    delta_to_winner: z.object({
      total: z.number(),
      total_band: z.string().nullable(),
      components: z.record(z.string(), z.number().nullable()).optional(),
      component_bands: z.record(z.string(), z.string().nullable()).optional(),
      band_source: z
        .object({
          id: z.string(),
          units: z.string(),
          thresholds: z.object({
            negligible_lte: z.number(),
            moderate_lte: z.number(),
            large_gt: z.number(),
          }),
        })
        .optional(),
    }),
  })
  .catchall(jsonValue);

export const rankingView = z.object({
  ranking: z.array(rankedRun),
  winner_job_id: z.string(),
  winner_score: z.number(),
  score_spread: z.number(),
});

export const skippedRun = z
  .object({ job_id: z.string(), reason: z.string(), status: maybe(z.string()) })
  .catchall(jsonValue);

export const runStatus = z
  .object({
    found: z.boolean().optional(),
    status: z.string(),
    progress: maybe(z.number()),
    current_step: maybe(z.int()),
    total_steps: maybe(z.int()),
    loss: lossValue.optional(),
    observed_at: maybe(instant),
    connectivity: z.string(),
  })
  .catchall(jsonValue);
