import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/trainyard.ts";
import { missingOfUi, openWebUi } from "./own-web-ui.ts";
import type { OwnWebUi } from "./own-web-ui.ts";
import {
  models,
  noisePictures,
  openToolkitYard,
  rowsOfLossLog,
  seriesOf,
  toolkit,
  trainingConfig,
} from "./toolkit-yard.ts";
import type { ToolkitYard } from "./toolkit-yard.ts";

const missing = missingOfUi(toolkit);
if (missing !== null) console.log(`skipped: AI Toolkit's Web UI; ${missing}.`);

describe.skipIf(missing !== null)("the real Web UI of AI Toolkit, on the CPU", () => {
  let ui: OwnWebUi;
  let yard: ToolkitYard;
  beforeAll(async () => {
    if (toolkit === null || missing !== null) return;
    ui = await openWebUi(toolkit);
    yard = await openToolkitYard({ ...toolkit, root: ui.root }, ui);
    await yard.trainyard.upload("noise", await noisePictures(4));
    const { agents } = await yard.tool("list-agents", { detail: "full" });
    console.log(`the Web UI of toolkit ${toolkit.version}: ${JSON.stringify(agents[0].trainers)}`);
  });
  afterAll(async () => {
    await yard?.close();
    await ui?.close();
  });

  const fileOf = (...parts: string[]): string => join(ui.outputs, ...parts);
  const logged = (name: string, key: string) => rowsOfLossLog(fileOf(name), key);
  const copyOf = (jobId: string, attempt = 1): Buffer =>
    readFileSync(join(yard.trainyard.home, "jobs", jobId, String(attempt), "stdout.log"));

  it("trains one of ours: its series the toolkit's own row for row, its log byte for byte", async () => {
    const name = "ours";
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
    expect(await ui.row(name)).toMatchObject({ status: "completed", step: 40, gpu_ids: "0" });
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
    const name = "long";
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
    const dataset = join(ui.datasets, "noise");
    mkdirSync(dataset, { recursive: true });
    for (const file of readdirSync(join(yard.trainyard.home, "datasets", "noise")))
      if (/\.(png|txt)$/.test(file))
        copyFileSync(join(yard.trainyard.home, "datasets", "noise", file), join(dataset, file));
    const name = "theirs";
    const config = trainingConfig(name, { steps: 300, sampleEvery: 100_000 }) as any;
    const [training] = config.config.process;
    Object.assign(training, { training_folder: ui.outputs });
    training.datasets[0].folder_path = dataset;
    training.model.name_or_path = join(models, "tiny-sd15");
    const row = await ui.ask("/jobs", { name, gpu_ids: "0", job_config: config });
    await ui.ask(`/jobs/${row.id}/start`);
    await ui.ask("/queue/0/start");
    const job = await until("it in the list", async () => {
      const { jobs } = await yard.tool("list-training-jobs", { detail: "full" });
      return jobs.find((one: { job_name: string }) => one.job_name === name);
    });
    expect(job).toMatchObject({ origin: "ui", total_steps: 300 });
    const jobId = String(job.job_id);
    await yard.steps(jobId, 3);
    await ui.ask(`/jobs/${row.id}/stop`);
    // Its row says stopped by now; its process takes its time.
    expect(await yard.ended(jobId)).toMatchObject({
      status: "stopped",
      stop: { by: "ui" },
      evidence: { stop_wanted: "ui", stop_marker: true },
    });
    expect(await seriesOf(yard.trainyard, jobId, "loss")).toEqual(logged(name, "loss/loss"));
    expect(copyOf(jobId).equals(readFileSync(fileOf(name, "log.txt")))).toBe(true);

    // Started there again, and killed: the UI's own line says how it exited.
    await ui.ask(`/jobs/${row.id}/start`);
    await ui.ask("/queue/0/start");
    await until(
      "the second attempt",
      async () => {
        const status = await yard.status(jobId);
        return status["attempt"] === 2 && status["current_step"] >= 3 ? status : null;
      },
      200_000,
    );
    const { pid } = await ui.row(name);
    process.kill(pid, "SIGKILL");
    const killed = await until("its end", async () => {
      const status = await yard.status(jobId);
      return status["attempt"] === 2 && status["status"] === "failed" ? status : null;
    });
    expect(killed).toMatchObject({ evidence: { end: "signaled", signal: "SIGKILL" } });

    await ui.ask(`/jobs/${row.id}/delete`);
    expect(existsSync(fileOf(name))).toBe(false);
    expect((await yard.status(jobId))["status"]).toBe("failed");
  });
});
