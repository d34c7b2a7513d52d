import { buildComparison } from "@trainyard/shared/analysis/report/compare-report.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { compareTrainingRuns as contract } from "@trainyard/shared/tools/compare-training-runs.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { EdgeHandler } from "./context.ts";
import { fitList } from "./fit-list.ts";
import { distinct, gatherRuns, newestJobIds } from "./gather-runs.ts";
import { picked } from "./picked.ts";
import { plural } from "./words.ts";

type Output = OutputOf<typeof contract>;

export const compareTrainingRuns: EdgeHandler<"compare-training-runs"> = async (input, context) => {
  const detail = context.detail(input.detail);
  const requested = input.job_ids ?? [];
  const ids =
    input.job_ids === undefined
      ? await newestJobIds({ onlyTerminal: input.only_terminal_runs, limit: input.limit }, context)
      : distinct(requested);
  const { runs, skipped } = await gatherRuns(
    ids,
    { onlyTerminal: input.only_terminal_runs },
    context,
  );
  const twice = distinct(requested.filter((id, at) => requested.indexOf(id) !== at));
  const compared = buildComparison(
    runs.map(({ facts }) => facts),
    {
      nowMs: context.now(),
      inputs: {
        jobIds: ids,
        requestedJobIds: requested,
        logLines: input.log_lines,
        includeDataset: input.include_dataset,
        includeNlp: input.include_nlp,
        onlyTerminalRuns: input.only_terminal_runs,
      },
      skippedRuns: [...skipped, ...twice.map((jobId) => ({ jobId, reason: "listed_twice" }))],
      items: detail === "full" && context.door === "http" ? "full" : "compact",
    },
  );
  const { report } = compared;
  if (report === null) throw nothingToCompare(compared.skipped);
  const { winner_job_id: winner, winner_score: score, score_spread: spread } = report.ranking;
  const text = `${plural(report.compared_count, "run")} compared: job ${winner} is first with ${score} of 100${report.compared_count > 1 ? `, ${spread} ahead of the last` : ""}.${report.skipped_runs.length === 0 ? "" : ` ${plural(report.skipped_runs.length, "job")} skipped, see skipped_runs.`} Next: suggest-next-experiment with job_id ${winner}.`;
  if (context.door === "http" && detail === "full") return { data: report, text };
  const room = detail === "full" ? limits.fullCharacters : limits.conciseCharacters;
  const data = detail === "full" ? report : concise(report);
  return { data: fitting(data, room - text.length), text };
};

function nothingToCompare(
  skipped: readonly { readonly job_id: string; readonly reason: string }[],
): AppError {
  const details = { skipped_runs: fitList(skipped, 1_000) };
  const jobs = distinct(skipped.map((one) => one.job_id)).length;
  const unknown = skipped.filter(({ reason }) => reason === "job_not_found").length;
  if (jobs > 0 && unknown === jobs) {
    return new AppError("JOB_NOT_FOUND", "None of these jobs exists.", {
      hint: "Call list-training-jobs for the jobs there are.",
      details,
    });
  }
  return new AppError(
    "NOTHING_TO_COMPARE",
    jobs === 0
      ? "There is no job to compare."
      : `None of these jobs has enough evidence to be compared${unknown === 0 ? "" : `; ${unknown} of them ${unknown === 1 ? "does" : "do"} not exist`}.`,
    {
      hint: "A job needs a speed, and losses for a trend (some tens of steps). get-training-observability says what is known of one.",
      details,
    },
  );
}

function concise(report: Output): Output {
  return {
    generated_at: report.generated_at,
    compared_count: report.compared_count,
    skipped_runs: report.skipped_runs.map(({ job_id, reason }) => ({ job_id, reason })),
    ranking: {
      ...report.ranking,
      ranking: report.ranking.ranking.map((run) => ({
        ...picked(run, ["job_id", "job_name", "rank"]),
        scores: picked(run.scores, ["total", "components"]),
        delta_to_winner: picked(run.delta_to_winner, ["total", "total_band"]),
      })),
    },
  };
}

/** Best runs first, then the skipped ones; the counts in the answer tell what is missing. */
function fitting(report: Output, room: number): Output {
  const bare: Output = {
    ...report,
    skipped_runs: [],
    ranking: { ...report.ranking, ranking: [] },
  };
  const left = room - JSON.stringify(bare).length;
  const skippedRoom = Math.min(JSON.stringify(report.skipped_runs).length, Math.floor(left / 3));
  const skipped = report.skipped_runs.length === 0 ? [] : fitList(report.skipped_runs, skippedRoom);
  return {
    ...bare,
    skipped_runs: skipped,
    ranking: { ...report.ranking, ranking: fitList(report.ranking.ranking, left - skippedRoom) },
  };
}
