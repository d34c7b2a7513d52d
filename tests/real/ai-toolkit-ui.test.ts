import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/trainyard.ts";
import {
  models,
  noisePictures,
  openToolkitYard,
  seriesOf,
  toolkit,
  trainingConfig,
} from "./toolkit-yard.ts";
import type { ToolkitYard } from "./toolkit-yard.ts";

const server = (process.env["AI_TOOLKIT_SERVER_URL"] ?? "").replace(/\/$/, "");
const skips = toolkit === null || server === "";

if (skips) {
  console.log(
    "skipped: the Web UI. Set AI_TOOLKIT_PATH, and AI_TOOLKIT_SERVER_URL to its server on this machine (http://127.0.0.1:8675).",
  );
}

/** Straight at the UI, as its own pages do it. */
async function ask(path: string, body?: unknown): Promise<any> {
  const post = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(`${server}/api${path}`, body === undefined ? {} : post);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

describe.skipIf(skips)("the real Web UI of AI Toolkit, on the CPU", () => {
  let yard: ToolkitYard;
  let settings: { TRAINING_FOLDER: string; DATASETS_FOLDER: string };
  const mark = Date.now().toString(36);
  beforeAll(async () => {
    if (toolkit === null || skips) return;
    settings = await ask("/settings");
    yard = await openToolkitYard(toolkit, { server, uiRoots: [settings.TRAINING_FOLDER] });
    await yard.trainyard.upload("noise", await noisePictures(4));
    const { agents } = await yard.tool("list-agents", { detail: "full" });
    console.log(`the Web UI of toolkit ${toolkit.version}: ${JSON.stringify(agents[0].trainers)}`);
  });
  afterAll(() => yard?.close());

  const rowOf = async (name: string): Promise<any> =>
    (await ask("/jobs")).jobs.find((row: { name: string }) => row.name === name);
  const fileOf = (...parts: string[]): string => join(settings.TRAINING_FOLDER, ...parts);
  const logged = (name: string, key: string): { step: number; value: number }[] => {
    const database = new DatabaseSync(fileOf(name, "loss_log.db"), { readOnly: true });
    const rows = database
      .prepare("SELECT step, value_real AS value FROM metrics WHERE key = ? ORDER BY step")
      .all(key);
    database.close();
    return rows.map((row) => ({ step: Number(row["step"]), value: Number(row["value"]) }));
  };
  const copyOf = (jobId: string, attempt = 1): Buffer =>
    readFileSync(join(yard.trainyard.home, "jobs", jobId, String(attempt), "stdout.log"));

  it("trains one of ours: its series the toolkit's own row for row, its log byte for byte", async () => {
    const name = `ours-${mark}`;
    const jobId = await yard.start(name, { steps: 40 });
    const end = await yard.ended(jobId);
    expect(end).toMatchObject({
      status: "completed",
      origin: "trainyard",
      trainer: "ai-toolkit-ui",
      current_step: 40,
      evidence: { end: "reported", ui_status: "completed", final_artifact_valid: true },
      model: { name: `${name}.safetensors`, verified: true },
    });
    expect(await rowOf(name)).toMatchObject({ status: "completed", step: 40, gpu_ids: "0" });
    expect(logged(name, "loss/loss")).toHaveLength(39);
    expect(await seriesOf(yard.trainyard, jobId, "loss")).toEqual(logged(name, "loss/loss"));
    expect(await seriesOf(yard.trainyard, jobId, "lr")).toEqual(logged(name, "learning_rate"));
    expect(copyOf(jobId).equals(readFileSync(fileOf(name, "log.txt")))).toBe(true);
    expect(end["samples"]).toHaveLength(6);
    expect(end["gaps"]).toEqual([]);
    const sheet = await yard.tool("get-training-samples", { job_id: jobId });
    expect(sheet).toMatchObject({ sample_count: 6, sheet: { missing: 0 } });
  });

  it("saves, samples and stops one of ours behind a checkpoint, survives its agent, and resumes it", async () => {
    const name = `long-${mark}`;
    const jobId = await yard.start(name, { steps: 400, saveEvery: 1_000, sampleEvery: 100_000 });
    await yard.steps(jobId, 3);
    expect(await yard.tool("control-training", { job_id: jobId, action: "save" })).toMatchObject({
      done: true,
    });
    expect(await yard.tool("control-training", { job_id: jobId, action: "sample" })).toMatchObject({
      done: true,
    });
    process.kill(yard.trainyard.pids().agent, "SIGKILL");
    await yard.steps(jobId, (await yard.status(jobId))["current_step"] + 5);
    await yard.tool("stop-training", { job_id: jobId });
    const stopped = await yard.ended(jobId);
    expect(stopped).toMatchObject({
      status: "stopped",
      evidence: { stop_wanted: "user", stop_marker: true, forced: false },
    });
    const first = logged(name, "loss/loss");
    expect(await seriesOf(yard.trainyard, jobId, "loss")).toEqual(first);
    expect(copyOf(jobId).equals(readFileSync(fileOf(name, "log.txt")))).toBe(true);

    const at = Number(stopped["last_checkpoint"].step);
    const resumed = await yard.tool("resume-training", { job_id: jobId, steps: at + 12 });
    expect(resumed).toMatchObject({ resumed: true });
    const end = await yard.ended(jobId);
    expect(end).toMatchObject({ status: "completed", attempt: 2, current_step: at + 12 });
    expect(end["attempts"][1]).toMatchObject({ state: "completed", start_step: at });
    const series = await seriesOf(yard.trainyard, jobId, "loss");
    expect(series.slice(-11)).toEqual(logged(name, "loss/loss").slice(-11));
    expect(readdirSync(fileOf(name, "logs"))).toEqual(["0_log.txt"]);
    expect(copyOf(jobId, 2).equals(readFileSync(fileOf(name, "log.txt")))).toBe(true);
  });

  it("follows one that was made there, and one that was stopped there", async () => {
    const dataset = join(settings.DATASETS_FOLDER, "trainyard-noise");
    mkdirSync(dataset, { recursive: true });
    for (const file of readdirSync(join(yard.trainyard.home, "datasets", "noise")))
      if (/\.(png|txt)$/.test(file))
        copyFileSync(join(yard.trainyard.home, "datasets", "noise", file), join(dataset, file));
    const name = `theirs-${mark}`;
    const config = trainingConfig(name, { steps: 300, sampleEvery: 100_000 }) as any;
    const [training] = config.config.process;
    Object.assign(training, { training_folder: settings.TRAINING_FOLDER });
    training.datasets[0].folder_path = dataset;
    training.model.name_or_path = join(models, "tiny-sd15");
    const row = await ask("/jobs", { name, gpu_ids: "0", job_config: config });
    await ask(`/jobs/${row.id}/start`);
    await ask("/queue/0/start");
    const job = await until("it in the list", async () => {
      const { jobs } = await yard.tool("list-training-jobs", { detail: "full" });
      return jobs.find((one: { job_name: string }) => one.job_name === name);
    });
    expect(job).toMatchObject({ origin: "ui", total_steps: 300 });
    const jobId = String(job.job_id);
    await yard.steps(jobId, 3);
    await ask(`/jobs/${row.id}/stop`);
    // Its row says stopped by now; its process takes its time.
    expect(await yard.ended(jobId)).toMatchObject({
      status: "stopped",
      stop: { by: "ui" },
      evidence: { stop_wanted: "ui", stop_marker: true },
    });
    expect(await seriesOf(yard.trainyard, jobId, "loss")).toEqual(logged(name, "loss/loss"));
    expect(copyOf(jobId).equals(readFileSync(fileOf(name, "log.txt")))).toBe(true);

    // Started there again, and killed: the UI's own line says how it exited.
    await ask(`/jobs/${row.id}/start`);
    await ask("/queue/0/start");
    await until(
      "the second attempt",
      async () => {
        const status = await yard.status(jobId);
        return status["attempt"] === 2 && status["current_step"] >= 3 ? status : null;
      },
      200_000,
    );
    const { pid } = await rowOf(name);
    process.kill(pid, "SIGKILL");
    const killed = await until("its end", async () => {
      const status = await yard.status(jobId);
      return status["attempt"] === 2 && status["status"] === "failed" ? status : null;
    });
    expect(killed).toMatchObject({ evidence: { end: "signaled", signal: "SIGKILL" } });

    await ask(`/jobs/${row.id}/delete`);
    expect(existsSync(fileOf(name))).toBe(false);
    expect((await yard.status(jobId))["status"]).toBe("failed");
  });
});
