import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pictures, startTrainyard, until, untilEnded } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

let trainyard: Trainyard;
beforeAll(async () => {
  trainyard = await startTrainyard({
    env: { TRAINYARD_TINY_PIXELS: "32", TRAINYARD_TINY_STEP_DELAY_MS: "15" },
  });
  await trainyard.upload("guarded", await pictures(90));
  const created = await trainyard.call("create-training-config", {
    name: "guarded",
    model_name: "tiny",
    dataset_path: "guarded",
    steps: 5_000,
    test_prompts: ["shape"],
  });
  expect(created.error).toBeNull();
});
afterAll(() => trainyard.close());

const start = async (rules: Record<string, unknown>): Promise<string> => {
  const started = await trainyard.call("run-training-with-guardrails", {
    config_name: "guarded",
    monitor_seconds: 0,
    idempotency_key: JSON.stringify(rules),
    ...rules,
  });
  expect(started.error).toBeNull();
  const jobId = String(started.data["job_id"]);
  await until("the first steps", async () => {
    const now = await trainyard.call("get-training-status", { job_id: jobId });
    return Number(now.data["current_step"] ?? 0) > 5;
  });
  return jobId;
};

it("a guardrail fires while nobody is connected, saves first, and the edge hears of it afterwards, once", async () => {
  const jobId = await start({ max_steps: 200 });
  // The control plane is frozen: the link is silent, as behind a cut cable, and nothing at the edge can help.
  const exit = join(trainyard.home, "jobs", jobId, "1", "exit.json");
  expect(existsSync(exit)).toBe(false);
  const { control_plane } = trainyard.pids();
  process.kill(control_plane, "SIGSTOP");
  try {
    await until("the stop, with the edge frozen", async () => existsSync(exit));
  } finally {
    process.kill(control_plane, "SIGCONT");
  }

  const job = await untilEnded(trainyard, jobId);
  expect(job["status"]).toBe("stopped");
  expect(job["evidence"]).toMatchObject({
    stop_wanted: "guardrail:MAX_STEPS_REACHED",
    forced: false,
  });
  expect(job["stop"]).toMatchObject({
    by: "guardrail:MAX_STEPS_REACHED",
    mode: "checkpoint",
    reason: expect.stringMatching(/its owner allows 200\. A checkpoint was saved first\.$/),
  });
  expect(job["alerts"]).toMatchObject([{ code: "MAX_STEPS_REACHED", guardrail: true }]);
  expect(job["guardrails"]["triggered"]).toHaveLength(1);
  const saved = (job["checkpoints"] as { step: number; valid: boolean }[]).at(-1);
  expect(saved?.valid).toBe(true);
  expect(saved?.step).toBeGreaterThanOrEqual(199);
  const link = await trainyard.call("create-download-link", { job_id: jobId, kind: "checkpoint" });
  expect((await fetch(String(link.data["download_url"]))).status).toBe(200);
});

it("rules that are set while it runs hold, and a dry run only tells", async () => {
  const jobId = await start({ max_steps: 100, dry_run: true });
  const alerts = async () =>
    (await trainyard.call("get-training-status", { job_id: jobId })).data["alerts"] as Record<
      string,
      unknown
    >[];
  await until("the alert", async () => (await alerts()).length > 0);
  expect(await alerts()).toMatchObject([{ code: "MAX_STEPS_REACHED", would_stop: true }]);

  const set = await trainyard.call("set-guardrails", {
    job_id: jobId,
    max_steps: 300,
    dry_run: false,
  });
  expect(set.data).toMatchObject({
    delivery: "in-force",
    acting: expect.arrayContaining(["MAX_STEPS_REACHED"]),
  });
  // Over the agent's death, too.
  process.kill(trainyard.pids().agent, "SIGKILL");
  const job = await untilEnded(trainyard, jobId);
  expect(job["stop"]).toMatchObject({ by: "guardrail:MAX_STEPS_REACHED" });
  expect(Number(job["current_step"])).toBeGreaterThanOrEqual(300);
  expect(job["guardrails"]).toMatchObject({
    in_force: { max_steps: 300, dry_run: false },
    pending: null,
  });
  expect(job["alerts"]).toHaveLength(2);
});
