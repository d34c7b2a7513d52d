import { isTerminal, publicStatus } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import type {
  TimeseriesPoint,
  watchTrainingTimeseries as contract,
} from "@trainyard/shared/tools/watch-training-timeseries.ts";
import type { Detail, EdgeHandler } from "./context.ts";
import { jobNow } from "./job-now.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import { pollJob } from "./poll-job.ts";
import { readCursor, writeCursor } from "./watch-cursor.ts";
import type { WatchCursor } from "./watch-cursor.ts";
import { judgedFields, judgedSummary, lookAt } from "./watch-judging.ts";
import type { PointLook, WatchedPoint } from "./watch-judging.ts";
import { fullParts } from "./watch-parts.ts";
import { iso, isoOrNull } from "./words.ts";

type Input = ToolInput<"watch-training-timeseries">;
type Output = OutputOf<typeof contract>;

export const watchTrainingTimeseries: EdgeHandler<"watch-training-timeseries"> = async (
  input,
  context,
) => {
  const jobId = input.job_id;
  const earlier = input.cursor === undefined ? null : readCursor(input.cursor, jobId);
  const detail = context.detail(input.detail);
  const beganMs = earlier?.b ?? context.now();
  const intervalMs = input.poll_interval_seconds * 1_000;
  const { points, end } = await pollJob<PointLook>(
    jobId,
    {
      firstAtMs: earlier === null ? beganMs : earlier.t + intervalMs,
      untilMs: beganMs + input.duration_seconds * 1_000,
      intervalMs,
      stopOnTerminal: input.stop_on_terminal_status,
      ...(detail === "full" ? { look: (view) => lookAt(view, input, context) } : {}),
    },
    context,
  );
  const newest = points.at(-1) as WatchedPoint;
  const now = jobNow(newest.view);
  const done = isTerminal(now.state) || end === "window";
  const cursor: WatchCursor = {
    j: jobId,
    b: beganMs,
    t: newest.atMs,
    step: now.currentStep,
    loss: typeof now.loss === "number" ? now.loss : null,
  };
  const next = isTerminal(now.state)
    ? nextCall(newest.view)
    : done
      ? `watch-training-timeseries with job_id ${jobId} for a new window`
      : `watch-training-timeseries with job_id ${jobId} and this cursor`;
  const rows = points.map((point) => pointView(point, beganMs, input));
  const data: Output = {
    job_id: jobId,
    generated_at: iso(context.now()),
    window: {
      duration_seconds_requested: input.duration_seconds,
      poll_interval_seconds: input.poll_interval_seconds,
      points_collected: points.length,
      elapsed_seconds_actual: seconds(newest.atMs - beganMs),
    },
    summary: summaryOf(points, earlier, detail),
    points: detail === "concise" ? thinned(rows) : rows,
    final_status: publicStatus(now.state),
    done,
    cursor: done ? null : writeCursor(cursor),
    ...(detail === "full" ? await fullParts(input, points, rows, context) : {}),
    next,
    observed_at: isoOrNull(now.observedAtMs),
    connectivity: now.connectivity,
  };
  const goesOn = done ? "" : " The job goes on.";
  return { data, text: `Job ${jobId}: ${sentence(newest.view)}${goesOn} Next: ${next}.` };
};

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 100) / 10);
}

function pointView(
  { view, atMs, look }: WatchedPoint,
  beganMs: number,
  input: Input,
): TimeseriesPoint {
  const now = jobNow(view);
  const short: TimeseriesPoint = {
    timestamp: iso(atMs),
    elapsed_seconds: seconds(atMs - beganMs),
    status: publicStatus(now.state),
    current_step: now.currentStep,
    total_steps: now.totalSteps,
    progress_pct: now.progress,
    iter_per_sec: rounded(now.stepsPerSecond),
    loss_last: now.loss,
  };
  return look ? { ...short, ...judgedFields(look, input) } : short;
}

/** First, last and evenly between: as many as a concise answer has room for. */
function thinned(rows: readonly TimeseriesPoint[]): TimeseriesPoint[] {
  const room = limits.conciseCharacters - 1_150;
  const each = Math.max(...rows.map((row) => JSON.stringify(row).length + 1));
  const keep = Math.max(1, Math.min(rows.length, Math.floor(room / each)));
  if (keep === 1) return rows.slice(-1);
  return Array.from(
    { length: keep },
    (_, at) => rows[Math.round((at * (rows.length - 1)) / (keep - 1))] as TimeseriesPoint,
  );
}

function summaryOf(
  points: readonly WatchedPoint[],
  earlier: WatchCursor | null,
  detail: Detail,
): Output["summary"] {
  const all = points.map(({ view }) => jobNow(view));
  const steps = all.map(({ currentStep }) => currentStep).filter((step) => step !== null);
  const speeds = all.map(({ stepsPerSecond }) => stepsPerSecond).filter((speed) => speed !== null);
  const losses = all.map(({ loss }) => loss).filter((loss) => loss !== null);
  const firstStep = earlier?.step ?? steps[0] ?? null;
  const lastStep = steps.at(-1) ?? null;
  const firstLoss = earlier?.loss ?? losses[0] ?? null;
  const lastLoss = losses.at(-1) ?? null;
  return {
    point_count: points.length,
    step: {
      start: firstStep,
      end: lastStep,
      delta: firstStep === null || lastStep === null ? null : lastStep - firstStep,
    },
    iter_per_sec: {
      mean: rounded(mean(speeds)),
      max: rounded(speeds.length === 0 ? null : Math.max(...speeds)),
      trend_pct: change(speeds[0], speeds.at(-1)),
    },
    loss: { start: firstLoss, end: lastLoss, delta_pct: change(firstLoss, lastLoss) },
    ...(detail === "full"
      ? {
          status_counts: countsOf(all.map(({ state }) => publicStatus(state))),
          ...judgedSummary(points),
        }
      : {}),
  };
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function change(first: unknown, last: unknown): number | null {
  if (typeof first !== "number" || typeof last !== "number" || first === 0) return null;
  return Math.round(((last - first) / Math.abs(first)) * 1_000) / 10;
}

function countsOf(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1_000) / 1_000;
}
