import { beforeAll, describe, expect, it } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import {
  complete,
  fail,
  fallingLoss,
  nanAlert,
  sendRun,
  startedJob,
} from "../support/judged-jobs.ts";
import { peerIssues } from "../support/peer-schema.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

let yard: Yard;
const jobs = { empty: "", healthy: "", second: "", nan: "", failed: "", running: "" };

beforeAll(async () => {
  yard = await createYard();
  const agent = await connectAgent(yard, {
    tool: () => ({ data: systemStats, text: "One GPU." }),
    "read-log": () => ({
      lines: [{ n: 1, stream: "stdout", text: "the last line", repeat: 1 }],
      totalLines: 1,
      truncated: false,
      readBytes: 10,
      firstError: null,
    }),
  });
  jobs.healthy = await startedJob(yard);
  await sendRun(agent, jobs.healthy, { steps: 2_000 });
  await complete(agent, jobs.healthy, 2_000);
  jobs.second = await startedJob(yard, "slow");
  await sendRun(agent, jobs.second, { steps: 2_000, speed: 0.03, loss: () => 0.4 });
  await complete(agent, jobs.second, 2_000);
  jobs.nan = await startedJob(yard, "broken");
  await sendRun(agent, jobs.nan, {
    steps: 200,
    total: 2_000,
    loss: (step) => (step < 190 ? fallingLoss(step) : "NaN"),
  });
  await nanAlert(agent, jobs.nan);
  jobs.failed = await startedJob(yard, "failed");
  await fail(agent, jobs.failed, 0);
  jobs.running = await startedJob(yard, "going");
  await sendRun(agent, jobs.running, { steps: 400, total: 2_000 });
  jobs.empty = await startedJob(yard, "waiting");
}, 60_000);

const systemStats = {
  gpus: [
    {
      index: 0,
      name: "RTX 4090",
      memory_used_mb: 12_000,
      memory_total_mb: 24_564,
      utilization_pct: 97,
      temperature_c: 66,
    },
  ],
  gpu_name: "RTX 4090",
  gpu_memory_used: 12_000,
  gpu_memory_total: 24_564,
  gpu_utilization: 97,
  cpu_percent: 20,
  ram_used_gb: 20,
  ram_total_gb: 64,
  memory_percent: 31,
  disk_usage_percent: 40,
  active_jobs: 1,
  observed_at: null,
  connectivity: "live",
};

const names = ["empty", "healthy", "second", "nan", "failed", "running"] as const;

describe("the earlier systems' schema files", () => {
  it("are read as what they say, closed where they are closed", async () => {
    const { data } = await yard.call("get-training-observability", { job_id: jobs.healthy });
    const { evaluation: _, ...without } = data;

    expect(peerIssues("get-training-observability", without)).not.toEqual([]);
    expect(peerIssues("get-training-observability", { ...data, ours: 1 })).not.toEqual([]);
    expect(
      peerIssues("get-training-observability", { ...data, evaluation: { error: "x" } }),
    ).not.toEqual([]);
  });

  it.each(names)("hold for the full report of a job that is %s", async (name) => {
    const { data, status } = await yard.call("get-training-observability", {
      job_id: jobs[name],
      include_baseline_comparison: true,
      include_raw_log_excerpt: true,
    });

    expect(status).toBe(200);
    expect(peerIssues("get-training-observability", data)).toEqual([]);
  });

  it.each(names)("hold at MCP in full detail, within its bounds: %s", async (name) => {
    const answer = await yard.mcp("get-training-observability", {
      job_id: jobs[name],
      include_baseline_comparison: true,
      include_raw_log_excerpt: true,
      detail: "full",
    });

    expect(peerIssues("get-training-observability", answer.data)).toEqual([]);
    expect(JSON.stringify(answer.data).length + answer.text.length).toBeLessThanOrEqual(
      limits.fullCharacters,
    );
  });

  it("hold at MCP with more baselines and log than fit", async () => {
    const many = await createYard();
    const agent = await connectAgent(many, {
      "read-log": () => ({
        lines: [{ n: 1, stream: "stdout", text: "x".repeat(40_000), repeat: 1 }],
        totalLines: 1,
        truncated: false,
        readBytes: 10,
        firstError: null,
      }),
    });
    let jobId = "";
    for (let n = 0; n < 30; n += 1) {
      jobId = await startedJob(many, `run-${n}`);
      await sendRun(agent, jobId, { steps: 200 });
      await complete(agent, jobId, 200);
    }
    const { data, text } = await many.mcp("get-training-observability", {
      job_id: jobId,
      include_baseline_comparison: true,
      baseline_limit: 50,
      include_raw_log_excerpt: true,
      detail: "full",
    });

    expect(peerIssues("get-training-observability", data)).toEqual([]);
    expect(data["baseline_comparison"].position.total).toBe(30);
    expect(data["baseline_comparison"].ranking.ranking.length).toBeGreaterThan(2);
    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(limits.fullCharacters);
  }, 60_000);

  it("hold for everything left out", async () => {
    const { data } = await yard.call("get-training-observability", {
      job_id: jobs.healthy,
      include_dataset: false,
      include_nlp: false,
      include_evaluation: false,
    });

    expect(peerIssues("get-training-observability", data)).toEqual([]);
    expect(data).toMatchObject({
      evaluation: { skipped: true },
      next_experiment: { skipped: true },
      dataset_analysis: { skipped: true },
      nlp_analysis: { skipped: true },
      baseline_comparison: { skipped: true },
    });
  });
});

describe("get-training-observability", () => {
  it("judges a healthy run and says by what", async () => {
    const { data, text } = await yard.call("get-training-observability", { job_id: jobs.healthy });

    expect(data).toMatchObject({
      overall_health: "healthy",
      status_snapshot: { status: "completed", progress: 100, connectivity: "live" },
      system_snapshot: { known: true, gpu_name: "RTX 4090", gpu_utilization: 97 },
      quality_analysis: { trend: "improving", nan_count: 0, loss: { count: 2_000 } },
      speed_analysis: { status: "healthy", iter_per_sec: { median: 0.5 } },
      evaluation: { passed: true },
      logs: { requested_line_count: 500 },
    });
    expect(data["evaluation"].components.convergence).toBeGreaterThan(80);
    expect(text).toContain("The loss falls");
    expect(text).toContain(`create-download-link with job_id ${jobs.healthy}`);
  });

  it("says of a job that has not begun that nothing is known", async () => {
    const { data } = await yard.call("get-training-observability", { job_id: jobs.empty });

    expect(data).toMatchObject({
      overall_health: "unknown",
      evaluation: { skipped: true },
      next_experiment: { skipped: true },
      quality_analysis: { convergence_score: null, trend: "unknown" },
      speed_analysis: { score: null, status: "unknown" },
    });
  });

  it("finds NaN, wants the stop, and names the guardrail that fired", async () => {
    const { data, text } = await yard.call("get-training-observability", { job_id: jobs.nan });

    expect(data["overall_health"]).toBe("critical");
    expect(data["quality_analysis"]).toMatchObject({ nan_count: 10, convergence_score: 0 });
    expect(data["intelligence"].decision_gates.requires_immediate_stop).toBe(true);
    expect(data["alerts"].map((alert: { code: string }) => alert.code)).toContain(
      "GUARDRAIL_STOPPED",
    );
    expect(text).toContain(`Next: stop-training with job_id ${jobs.nan}`);
  });

  it("keeps the words of the log out of its sentences", async () => {
    const { data, text } = await yard.call("get-training-observability", { job_id: jobs.failed });

    expect(data["overall_health"]).toBe("critical");
    expect(JSON.stringify(data["alerts"]) + text).not.toContain("<script>");
  });

  it("ranks the job among the named ones, and says which it could not have", async () => {
    const { data } = await yard.call("get-training-observability", {
      job_id: jobs.healthy,
      include_baseline_comparison: true,
      baseline_job_ids: [jobs.healthy, jobs.second, "job_none"],
    });

    expect(data["baseline_comparison"]).toMatchObject({
      enabled: true,
      compared_job_ids: [jobs.healthy, jobs.second],
      skipped_baselines: [{ job_id: "job_none", reason: "job_not_found" }],
      position: { found: true, rank: 1, total: 2, percentile: 100 },
    });
  });

  it("takes the newest that have ended as baselines, at most so many", async () => {
    const { data } = await yard.call("get-training-observability", {
      job_id: jobs.second,
      include_baseline_comparison: true,
      baseline_limit: 2,
    });
    const { compared_job_ids: compared = [], skipped_baselines: skipped } =
      data["baseline_comparison"];

    expect(compared.length - 1 + skipped.length).toBe(2);
    expect([...compared, ...skipped.map((one: { job_id: string }) => one.job_id)]).not.toContain(
      jobs.nan,
    );
  });

  it("judges by another dataset when one is named, and asks the box for it", async () => {
    const { data } = await yard.call("get-training-observability", {
      job_id: jobs.healthy,
      dataset_path: "datasets/dogs",
    });

    expect(data["dataset_resolution"]).toEqual({
      dataset_path: "datasets/dogs",
      dataset_source: "argument",
    });
    expect(data["dataset_analysis"]).toMatchObject({ dataset_path: "datasets/dogs" });
  });

  it.each(names)("is short at MCP: %s", async (name) => {
    const { data, text } = await yard.mcp("get-training-observability", { job_id: jobs[name] });

    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(limits.conciseCharacters);
  });

  it("knows no unknown job, and makes none by asking", async () => {
    const { status, error } = await yard.call("get-training-observability", { job_id: "job_none" });

    expect(status).toBe(404);
    expect(error?.code).toBe("JOB_NOT_FOUND");
  });
});

describe("compare-training-runs", () => {
  it("ranks the runs, by the schema file, and names what it left out", async () => {
    const { data, text } = await yard.call("compare-training-runs", {
      job_ids: [jobs.second, jobs.healthy, jobs.healthy, jobs.empty, "job_none"],
    });

    expect(peerIssues("compare-training-runs", data)).toEqual([]);
    expect(data["ranking"]).toMatchObject({
      winner_job_id: jobs.healthy,
      ranking: [
        { job_id: jobs.healthy, rank: 1, delta_to_winner: { total: 0 } },
        { job_id: jobs.second, rank: 2 },
      ],
    });
    expect(data["skipped_runs"]).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ job_id: "job_none", reason: "job_not_found" }),
        expect.objectContaining({ job_id: jobs.healthy, reason: "listed_twice" }),
        expect.objectContaining({ job_id: jobs.empty, reason: "insufficient_evidence" }),
      ]),
    );
    expect(text).toContain(jobs.healthy);
  });

  it("takes the newest jobs that ran when none is named", async () => {
    const { data } = await yard.call("compare-training-runs", { limit: 50 });
    const ended = await yard.call("compare-training-runs", { limit: 50, only_terminal_runs: true });

    expect(data["inputs"].job_ids).not.toContain(jobs.empty);
    expect(data["inputs"].job_ids).toContain(jobs.running);
    expect(ended.data["inputs"].job_ids).not.toContain(jobs.running);
  });

  it("leaves out what has not ended, when that is wanted, and says its status", async () => {
    const { data } = await yard.call("compare-training-runs", {
      job_ids: [jobs.healthy, jobs.running],
      only_terminal_runs: true,
    });

    expect(data["compared_count"]).toBe(1);
    expect(data["skipped_runs"]).toEqual([
      { job_id: jobs.running, reason: "non_terminal_status", status: "running" },
    ]);
  });

  it("is an error, not an empty ranking, when nothing can be compared", async () => {
    const { status, error } = await yard.call("compare-training-runs", {
      job_ids: [jobs.empty, "job_none"],
    });

    expect(status).toBe(422);
    expect(error?.code).toBe("NOTHING_TO_COMPARE");
    expect(error?.message).toMatch(
      /^None of these jobs has enough evidence .*; 1 of them does not exist\.$/,
    );
    expect(error?.details["skipped_runs"]).toHaveLength(2);
  });

  it("says that no job exists where none does", async () => {
    const job_ids = ["job_none", "job_nope", "job_none"];
    const { status, error } = await yard.call("compare-training-runs", { job_ids });

    expect([status, error?.code]).toEqual([404, "JOB_NOT_FOUND"]);
    expect(error?.message).toBe("None of these jobs exists.");
  });

  it.each(["concise", "full"])("stays within its bounds at MCP: %s", async (detail) => {
    const { data, text } = await yard.mcp("compare-training-runs", { detail, limit: 50 });
    const most = detail === "full" ? limits.fullCharacters : limits.conciseCharacters;

    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(most);
    if (detail === "full") expect(peerIssues("compare-training-runs", data)).toEqual([]);
  });
});

describe("evaluate-lora", () => {
  it("grades with the caller's weights", async () => {
    const plain = await yard.call("evaluate-lora", { job_id: jobs.second });
    const speedOnly = await yard.call("evaluate-lora", {
      job_id: jobs.second,
      rubric_weights: { convergence: 0, stability: 0, speed: 1, dataset: 0, caption_quality: 0 },
    });

    expect(plain.data["grade"]).toMatch(/^[A-F]$/);
    expect(speedOnly.data["overall_score"]).toBe(20);
    expect(speedOnly.data["passed"]).toBe(false);
    expect(speedOnly.data["run_report"].job_id).toBe(jobs.second);
  });

  it("has no grade for what it does not know, and says so", async () => {
    const { data, text } = await yard.call("evaluate-lora", { job_id: jobs.empty });

    expect(data).toMatchObject({
      overall_score: null,
      grade: null,
      passed: null,
      evaluation: { skipped: true },
      skipped_reason: "too_little_known",
    });
    expect(text).toContain("has no grade");
  });

  it("refuses a weight below 0 and one of no component", async () => {
    const negative = await yard.call("evaluate-lora", {
      job_id: jobs.healthy,
      rubric_weights: { speed: -1 },
    });
    const unknown = await yard.call("evaluate-lora", {
      job_id: jobs.healthy,
      rubric_weights: { sped: 1 },
    });

    const tooHeavy = await yard.call("evaluate-lora", {
      job_id: jobs.healthy,
      rubric_weights: { speed: 1e308, stability: 1e308 },
    });

    expect(tooHeavy.error?.code).toBe("INVALID_ARGUMENT");
    expect(JSON.stringify(tooHeavy.error)).toContain("1000");
    expect(negative.error?.code).toBe("INVALID_ARGUMENT");
    expect(unknown.error).toMatchObject({ code: "UNKNOWN_KEY", details: { nearest: "speed" } });
  });

  it.each(names)("is short at MCP: %s", async (name) => {
    const { data, text } = await yard.mcp("evaluate-lora", { job_id: jobs[name] });

    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(limits.conciseCharacters);
  });
});

describe("an unknown job", () => {
  it("is a 404 with its code where it is the only one", async () => {
    for (const tool of ["evaluate-lora", "watch-training-timeseries"] as const) {
      const { status, error } = await yard.call(tool, { job_id: "job_none" });
      expect([status, error?.code]).toEqual([404, "JOB_NOT_FOUND"]);
    }
    const suggested = await yard.call("suggest-next-experiment", { job_id: "job_none" });
    expect(suggested.data["skipped_candidates"]).toEqual([
      { job_id: "job_none", reason: "job_not_found" },
    ]);
  });
});

describe("suggest-next-experiment", () => {
  it("proposes from the best of the jobs named", async () => {
    const { data } = await yard.call("suggest-next-experiment", {
      job_ids: [jobs.second, jobs.healthy, "job_none"],
    });

    expect(data["selected_job_id"]).toBe(jobs.healthy);
    expect(data["recommendation"].proposed).not.toEqual(data["recommendation"].current);
    expect(data["recommendation_type"]).toBe(data["recommendation"].recommendation_type);
    expect(data["candidate_scores"]).toHaveLength(2);
    expect(data["skipped_candidates"]).toEqual([{ job_id: "job_none", reason: "job_not_found" }]);
  });

  it("lowers the learning rate of a run that broke", async () => {
    const { data } = await yard.call("suggest-next-experiment", { job_id: jobs.nan });

    expect(data["recommendation"]).toMatchObject({
      recommendation_type: "stability",
      parameter: "learning_rate",
    });
  });

  it("has nothing to say of what has not begun", async () => {
    const { data } = await yard.call("suggest-next-experiment", { job_id: jobs.empty });

    expect(data).toMatchObject({
      status: "no_evaluable_candidates",
      selected_job_id: null,
      recommendation: null,
      requested_job_ids: [jobs.empty],
      skipped_candidates: [{ job_id: jobs.empty, reason: "insufficient_evidence" }],
    });
  });

  it("is short at MCP", async () => {
    const { data, text } = await yard.mcp("suggest-next-experiment");

    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(limits.conciseCharacters);
  });
});

describe("watch-training-timeseries", () => {
  it("judges each point as a report does, with the box's figures", async () => {
    const { data } = await yard.call("watch-training-timeseries", {
      job_id: jobs.nan,
      duration_seconds: 0,
      include_dataset: true,
      include_nlp: true,
      include_raw_log_excerpt: true,
    });
    const [point] = data["points"];

    expect(point).toMatchObject({
      quality_status: "critical",
      speed_status: "healthy",
      overall_health: "critical",
      error_severity: "critical",
      alert_max_severity: "critical",
      gpu_utilization_pct: 97,
      gpu_memory_used_mb: 12_000,
      gpu_memory_total_mb: 24_564,
      cpu_percent: 20,
      ram_used_gb: 20,
      nlp: null,
      raw_log_excerpt: "the last line",
    });
    const codes = point.alerts.map((alert: { code: string }) => alert.code);
    expect(codes).toEqual(expect.arrayContaining(["LOSS_NOT_FINITE", "TRAINING_NAN_LOSS"]));
    expect(data["summary"]).toMatchObject({
      gpu: { util_mean_pct: 97, memory_peak_mb: 12_000 },
      health_counts: { critical: 1 },
      alerts: { critical_points: 1, warning_points: 0 },
    });
    expect(data["summary"].alerts.total_alerts).toBeGreaterThanOrEqual(2);
    expect(data["dataset_context"]).toMatchObject({
      dataset_source: "config",
      dataset_analysis: { exists: true, total_images: 20, caption_coverage_pct: 100 },
    });
    expect(data["nlp_summary"]).toEqual({
      style_flag_counts: {},
      caption_token_diversity_mean: null,
    });
  });

  it("leaves out what was not asked for, and unknown stays null", async () => {
    const { data } = await yard.call("watch-training-timeseries", {
      job_id: jobs.empty,
      duration_seconds: 0,
      include_system: false,
      include_alerts: false,
    });
    const [point] = data["points"];

    expect(point).toMatchObject({
      loss_last: null,
      iter_per_sec: null,
      quality_status: "unknown",
      speed_status: "unknown",
      overall_health: "unknown",
      alert_max_severity: null,
    });
    expect(Object.keys(point)).not.toContain("gpu_utilization_pct");
    expect(Object.keys(point)).not.toContain("alerts");
    expect(data["dataset_context"].dataset_analysis).toEqual({ skipped: true });
    expect(data["nlp_summary"]).toEqual({ skipped: true });
    expect(data["summary"].gpu).toEqual({ util_mean_pct: null, memory_peak_mb: null });
  });

  it("looks at another dataset when one is named", async () => {
    const { data } = await yard.call("watch-training-timeseries", {
      job_id: jobs.healthy,
      duration_seconds: 0,
      include_dataset: true,
      dataset_path: "dogs",
    });

    expect(data["dataset_context"]).toMatchObject({
      dataset_path: "dogs",
      dataset_source: "argument",
      dataset_analysis: { dataset_path: "datasets/dogs" },
    });
  });
});

describe("with the box off", () => {
  it("answers all of it, and says how old the figures of the box are", async () => {
    const off = await createYard();
    const agent = await connectAgent(off, { tool: () => ({ data: systemStats, text: "" }) });
    const jobId = await startedJob(off);
    await sendRun(agent, jobId, { steps: 500, total: 2_000 });
    await off.call("get-training-observability", { job_id: jobId });
    await agent.close();
    const { data } = await off.call("get-training-observability", {
      job_id: jobId,
      include_raw_log_excerpt: true,
      dataset_path: "dogs",
    });

    expect(peerIssues("get-training-observability", data)).toEqual([]);
    expect(data["status_snapshot"].connectivity).not.toBe("live");
    expect(data["status_snapshot"].observed_at).not.toBeNull();
    expect(data["system_snapshot"].observed_at).not.toBeNull();
    expect(data["dataset_resolution"]).toMatchObject({ reason: "box_not_reachable" });
    expect(data["quality_analysis"].trend).toBe("improving");
    const watched = await off.call("watch-training-timeseries", {
      job_id: jobId,
      duration_seconds: 0,
      include_dataset: true,
      dataset_path: "dogs",
    });
    expect(watched.data["points"][0]).toMatchObject({
      gpu_utilization_pct: null,
      quality_status: "healthy",
    });
    expect(watched.data["dataset_context"].dataset_analysis.error).toBe("agent_offline");
    expect((await off.call("evaluate-lora", { job_id: jobId })).status).toBe(200);
    expect((await off.call("suggest-next-experiment", { job_id: jobId })).status).toBe(200);
    expect((await off.call("compare-training-runs", { job_ids: [jobId] })).status).toBe(200);
  });
});
