import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  pictures,
  readSeries,
  readTruth,
  root,
  startTrainyard,
  until,
  untilEnded,
} from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

let trainyard: Trainyard;
beforeAll(async () => {
  trainyard = await startTrainyard({ env: { TRAINYARD_TINY_PIXELS: "64" } });
  await trainyard.upload("warm", await pictures(10));
  await trainyard.upload("cold", await pictures(220));
});
afterAll(() => trainyard.close());

async function train(name: string, config: Record<string, unknown>, tool = "start-training") {
  const created = await trainyard.call("create-training-config", {
    name,
    model_name: "tiny",
    steps: 80,
    test_prompts: ["shape 1 on 10"],
    ...config,
  });
  expect(created.error).toBeNull();
  const started = await trainyard.call(tool, {
    config_name: name,
    ...(tool === "run-training-with-guardrails" ? { monitor_seconds: 0 } : {}),
  });
  expect(started.error).toBeNull();
  const jobId = String(started.data["job_id"]);
  return { jobId, job: await untilEnded(trainyard, jobId) };
}

async function modelOf(jobId: string) {
  const link = await trainyard.call("create-download-link", { job_id: jobId });
  const response = await fetch(String(link.data["download_url"]));
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(link.data["sha256"]);
  return bytes;
}

describe("a training through the whole path", () => {
  it("is what the trainer says it was, step by step, and another dataset gives another one", async () => {
    const warm = await train("warm", { dataset_path: "warm" });
    const cold = await train("cold", { dataset_path: "cold" });

    for (const { jobId, job } of [warm, cold]) {
      expect(job["status"]).toBe("completed");
      const truth = readTruth(trainyard.home, jobId);
      await until(
        "the whole series",
        async () => (await readSeries(trainyard, jobId)).length === truth.length,
        15_000,
      );
      expect(await readSeries(trainyard, jobId)).toEqual(truth);
      expect(job["first_loss"]).toBe(truth[0]?.loss);
      expect(job["loss"]).toBe(truth.at(-1)?.loss);
    }
    expect(await readSeries(trainyard, warm.jobId)).not.toEqual(
      await readSeries(trainyard, cold.jobId),
    );
    const [first, second] = [await modelOf(warm.jobId), await modelOf(cold.jobId)];
    expect(first.equals(second)).toBe(false);
  });

  it("a saved adapter reproduces the last sample in a new process, and zeroed it does not", async () => {
    const { jobId } = await train("again", { dataset_path: "warm" });
    const full = await trainyard.call("get-training-status", { job_id: jobId, detail: "full" });
    const last = (full.data["samples"] as { step: number; index: number; path: string }[]).at(-1);
    const sample = await trainyard.call("create-download-link", {
      job_id: jobId,
      kind: "sample",
      step: last?.step,
      index: last?.index,
    });
    const wanted = Buffer.from(
      await (await fetch(String(sample.data["download_url"]))).arrayBuffer(),
    );
    const adapter = join(trainyard.home, (full.data["model"] as { path: string }).path);

    const render = (out: string, ...flags: string[]): Buffer => {
      const done = spawnSync(process.execPath, [
        join(root, "dist", "agent", "tiny.js"),
        "--render",
        adapter,
        "--config",
        join(trainyard.home, "jobs", jobId, "1", "config.json"),
        "--prompt-index",
        String(last?.index),
        "--out",
        join(trainyard.home, out),
        ...flags,
      ]);
      expect(done.status).toBe(0);
      return readFileSync(join(trainyard.home, out));
    };

    expect(render("same.png").equals(wanted)).toBe(true);
    expect(render("zero.png", "--zero").equals(wanted)).toBe(false);
  });

  it("a learning rate 10,000 times too high is recognised as NaN and stopped by the guardrail", async () => {
    const { job, jobId } = await train(
      "hot",
      { dataset_path: "warm", learning_rate: 1, steps: 2_000 },
      "run-training-with-guardrails",
    );

    expect(job["status"]).toBe("stopped");
    expect(job["stop"]).toMatchObject({ by: "guardrail:TRAINING_NAN_LOSS" });
    expect(job["guardrails"]["triggered"][0]).toMatchObject({
      code: "TRAINING_NAN_LOSS",
      severity: "critical",
    });
    const series = await readSeries(trainyard, jobId);
    expect(series.some((point) => point.loss === "NaN")).toBe(true);
    expect(series.every((point) => point.loss !== 0)).toBe(true);
  });

  it("stops when it is told to, and a second start on the busy slot waits in the queue", async () => {
    await trainyard.call("create-training-config", {
      name: "long",
      model_name: "tiny",
      dataset_path: "warm",
      steps: 5_000,
    });
    const first = await trainyard.call("start-training", { config_name: "long" });
    const second = await trainyard.call("start-training", { config_name: "long", force_new: true });
    expect(second.data).toMatchObject({ queued: true, status: "queued", queue_position: 1 });

    const again = await trainyard.call("start-training", { config_name: "long" });
    expect(again.data).toMatchObject({ duplicate: true, job_id: first.data["job_id"] });

    const cancelled = await trainyard.call("stop-training", { job_id: second.data["job_id"] });
    expect(cancelled.data).toMatchObject({ status: "stopped" });
    await until("the first step", async () => {
      const now = await trainyard.call("get-training-status", { job_id: first.data["job_id"] });
      return (
        (now.data["current_step"] as number | null) !== null &&
        (now.data["current_step"] as number) > 2
      );
    });
    await trainyard.call("stop-training", { job_id: first.data["job_id"], mode: "now" });
    const ended = await untilEnded(trainyard, String(first.data["job_id"]));
    expect(ended["status"]).toBe("stopped");
    expect(ended["evidence"]).toMatchObject({
      end: "exited",
      // As AI Toolkit ends when its own stop flag is set.
      exit_code: 1,
      stop_marker: true,
      forced: false,
    });
  });

  it("a training that somebody kills is failed, with the signal as evidence", async () => {
    await trainyard.call("create-training-config", {
      name: "victim",
      model_name: "tiny",
      dataset_path: "warm",
      steps: 5_000,
    });
    const started = await trainyard.call("start-training", { config_name: "victim" });
    const jobId = String(started.data["job_id"]);
    const pid = await until("the process", async () => {
      const now = await trainyard.call("get-training-status", { job_id: jobId, detail: "full" });
      return (now.data["process"] as { pid: number } | null)?.pid;
    });
    process.kill(pid, "SIGKILL");

    const ended = await untilEnded(trainyard, jobId);
    expect(ended["status"]).toBe("failed");
    expect(ended["failure"]).toMatchObject({ code: "KILLED" });
    expect(ended["evidence"]).toMatchObject({ signal: "SIGKILL" });
  });

  it("a dataset or a trainer that is not there is refused before anything starts", async () => {
    await trainyard.call("create-training-config", {
      name: "no-data",
      model_name: "tiny",
      dataset_path: "nowhere",
      steps: 50,
    });
    await trainyard.call("create-training-config", {
      name: "flux",
      model_name: "black-forest-labs/FLUX.1-dev",
      dataset_path: "warm",
      steps: 500,
    });
    const before = await trainyard.call("list-training-jobs");
    const noData = await trainyard.call("start-training", { config_name: "no-data" });
    const noTrainer = await trainyard.call("start-training", { config_name: "flux" });

    expect([noData.status, noData.error?.code]).toEqual([404, "DATASET_NOT_FOUND"]);
    expect([noTrainer.status, noTrainer.error?.code]).toEqual([422, "TRAINER_NOT_FOUND"]);
    expect((await trainyard.call("list-training-jobs")).data["total"]).toBe(before.data["total"]);
  });
});
