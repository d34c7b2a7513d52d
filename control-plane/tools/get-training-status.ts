import { actingRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { getTrainingStatus as contract } from "@trainyard/shared/tools/get-training-status.ts";
import { viewOfRules } from "@trainyard/shared/tools/guardrail-options.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { jobAnswer } from "./job-answer.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import {
  alertView,
  attemptView,
  checkpointView,
  gapView,
  itemsOf,
  sampleView,
} from "./job-records.ts";
import { isoOrNull } from "./words.ts";

type StatusRecords = Pick<
  OutputOf<typeof contract>,
  | "checkpoints"
  | "samples"
  | "alerts"
  | "gaps"
  | "attempts"
  | "config_snapshot"
  | "process"
  | "guardrails"
>;

export const getTrainingStatus: EdgeHandler<"get-training-status"> = async (input, context) => {
  const view = unwrap(await context.hub.viewJob(input.job_id, true));
  const detail = context.detail(input.detail);
  const records = detail === "full" ? await recordsOf(input.job_id, context) : {};
  const next = nextCall(view);
  return {
    data: { ...jobAnswer(view, detail), ...records, next },
    text: `Job ${view.summary.jobId}: ${sentence(view)} Next: ${next}.`,
  };
};

/** Newest entries of each kind; the answer stays below what a client takes. */
const shown = 40;

async function recordsOf(jobId: string, context: EdgeContext): Promise<StatusRecords> {
  const job = context.job(jobId);
  const description = unwrap(await job.describe());
  const events = unwrap(await job.events(["checkpoint", "sample", "alert", "gap", "state"], 2_000));
  const startSteps = new Map<number, number>();
  for (const { attempt, item } of events) {
    if (item.kind === "state" && typeof item.startStep === "number")
      startSteps.set(attempt, item.startStep);
  }
  const alerts = itemsOf(events, "alert");
  const newest = description.attempts.at(-1);
  const { wanted, inForce } = description.guardrails;
  const pending = inForce?.revision !== wanted.revision;
  return {
    checkpoints: itemsOf(events, "checkpoint").slice(-shown).map(checkpointView),
    samples: itemsOf(events, "sample").slice(-shown).map(sampleView),
    alerts: alerts.slice(-shown).map(alertView),
    gaps: itemsOf(events, "gap").slice(-shown).map(gapView),
    attempts: description.attempts
      .slice(-shown)
      .map((attempt) => attemptView(attempt, startSteps.get(attempt.attempt) ?? null)),
    config_snapshot: description.snapshot.document as JsonDocument,
    process:
      newest?.process === null || newest?.process === undefined
        ? null
        : {
            pid: newest.process.pid,
            start_ticks: newest.process.startTicks,
            boot_id: newest.process.bootId,
            started_at: isoOrNull(newest.startedAtMs),
          },
    guardrails: {
      enabled: [...actingRules(inForce?.rules ?? wanted.rules)],
      // What was handed in stands in no stream: which rule stopped the job, only the box says.
      triggered: itemsOf(
        events.filter(({ seq }) => seq > 0),
        "alert",
      )
        .filter((alert) => alert.guardrail)
        .map(alertView),
      in_force: inForce === null ? null : viewOfRules(inForce.rules),
      pending: pending ? viewOfRules(wanted.rules) : null,
    },
  };
}
