import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/trainyard.ts";
import { lossLog, noisePictures, openToolkitYard, seriesOf, toolkit } from "./toolkit-yard.ts";
import type { ToolkitYard } from "./toolkit-yard.ts";

if (toolkit === null) {
  console.log(
    "skipped: everything. Set AI_TOOLKIT_PATH (and AI_TOOLKIT_PYTHON where its environment is elsewhere) to a checkout of ostris/ai-toolkit.",
  );
}

describe.skipIf(toolkit === null)("the real AI Toolkit on the CPU", () => {
  let yard: ToolkitYard;
  beforeAll(async () => {
    if (toolkit === null) return;
    yard = await openToolkitYard(toolkit);
    await yard.trainyard.upload("noise", await noisePictures(4));
    console.log(`toolkit ${toolkit.version} (${toolkit.commit}) with ${toolkit.python}`);
  });
  afterAll(() => yard?.close());

  /** Waits until this attempt has resumed and trains. */
  const training = (jobId: string, attempt: number): Promise<Record<string, any>> =>
    until(
      `attempt ${attempt} of ${jobId}`,
      async () => {
        const status = await yard.status(jobId);
        const found = status["attempts"][attempt - 1];
        return found?.start_step > 0 && status["phase"] === "training" ? status : null;
      },
      400_000,
    );

  it("is reported with its version by list-agents", async () => {
    const { agents } = await yard.tool("list-agents", { detail: "full" });
    expect(agents[0].trainers).toContainEqual(
      expect.objectContaining({
        name: "ai-toolkit",
        found: true,
        version: expect.stringContaining(toolkit?.version ?? ""),
      }),
    );
  });

  it("trains to a verified model, its series the toolkit's own row for row", async () => {
    // Two at once: the second waits for the first one's slot.
    const first = await yard.start("whole", { steps: 40 });
    const second = await yard.start("waits", { steps: 5, sampleEvery: 1_000 });
    expect(await yard.status(second)).toMatchObject({ status: "queued", queue_position: 1 });
    const status = await yard.ended(first);

    expect(status).toMatchObject({
      status: "completed",
      current_step: 40,
      failure: null,
      evidence: { end: "exited", exit_code: 0, final_artifact_valid: true, stop_wanted: null },
      model: { name: "whole.safetensors", verified: true },
    });
    expect(status["checkpoints"].map(({ step }: { step: number }) => step)).toEqual([15, 30, null]);
    const rows = lossLog(yard.trainyard.home, "whole", "loss/loss");
    expect(rows).toHaveLength(39);
    expect(rows[0]?.step).toBe(1);
    expect(await seriesOf(yard.trainyard, first, "loss")).toEqual(rows);
    expect(await seriesOf(yard.trainyard, first, "lr")).toEqual(
      lossLog(yard.trainyard.home, "whole", "learning_rate"),
    );
    expect(status["steps_per_second"]).toBeGreaterThan(0);

    const sheet = await yard.content("get-training-samples", { job_id: first });
    expect(sheet.map(({ type }) => type)).toEqual(["text", "image"]);
    const samples = await yard.tool("get-training-samples", { job_id: first, detail: "full" });
    expect(samples).toMatchObject({ all_steps: [0, 20, 40], sample_count: 6 });

    const link = await yard.tool("create-download-link", { job_id: first });
    const bytes = Buffer.from(await (await fetch(link["download_url"])).arrayBuffer());
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(status["model"].sha256);
    const path = join(tmpdir(), `trainyard-real-${first}.safetensors`);
    writeFileSync(path, bytes);
    const tensors = execFileSync(toolkit?.python ?? "", [
      "-c",
      "import sys; from safetensors import safe_open; print(len(safe_open(sys.argv[1], 'pt').keys()))",
      path,
    ]);
    expect(Number(tensors)).toBeGreaterThan(10);
    rmSync(path);
    expect((await yard.ended(second))["status"]).toBe("completed");
  });

  it("saves and samples when asked, survives its agent, stops with a checkpoint, and goes on from it", async () => {
    const jobId = await yard.start("long", {
      steps: 5_000,
      saveEvery: 1_000,
      sampleEvery: 100_000,
    });
    await yard.steps(jobId, 3);

    const saved = await yard.tool("control-training", { job_id: jobId, action: "save" });
    expect(saved).toMatchObject({
      done: true,
      paths: [expect.stringMatching(/long_\d{9}\.safetensors$/)],
    });
    const sampled = await yard.tool("control-training", { job_id: jobId, action: "sample" });
    expect(sampled).toMatchObject({ done: true });
    expect(sampled["paths"]).toHaveLength(2);

    // The agent dies; the training does not notice.
    const pid = yard.pid(jobId, 1);
    process.kill(yard.trainyard.pids().agent, "SIGKILL");
    const before = (await yard.status(jobId))["current_step"];
    await yard.steps(jobId, before + 5);
    expect(yard.pid(jobId, 1)).toBe(pid);

    await yard.tool("stop-training", { job_id: jobId });
    const stopped = await yard.ended(jobId);
    expect(stopped).toMatchObject({
      status: "stopped",
      failure: null,
      evidence: { exit_code: 1, stop_wanted: "user", stop_marker: true, forced: false },
    });
    const last = stopped["last_checkpoint"];
    expect(last.step).toBeGreaterThan(saved["step"]);
    const rows = lossLog(yard.trainyard.home, "long", "loss/loss");
    const series = await seriesOf(yard.trainyard, jobId, "loss");
    expect(series).toEqual(rows);

    // The newest checkpoint is torn; the one before is whole.
    const torn = join(yard.trainyard.home, last.path.replace(/^outputs/, "outputs"));
    truncateSync(torn, last.size - 10);
    const resumed = await yard.tool("resume-training", { job_id: jobId });
    expect(resumed).toMatchObject({ resumed: true });
    const again = await training(jobId, 2);
    expect(again["attempts"][1]).toMatchObject({ state: "running", start_step: saved["step"] });
    expect(again["alerts"]).toContainEqual(
      expect.objectContaining({ code: "CHECKPOINT_SET_ASIDE" }),
    );
    expect(readdirSync(join(yard.trainyard.home, "outputs", "long", ".set-aside"))).toHaveLength(1);

    // Interrupted by somebody else: stopped all the same, and nobody of ours wanted it.
    process.kill(yard.pid(jobId, 2), "SIGINT");
    expect(await yard.ended(jobId)).toMatchObject({
      status: "stopped",
      attempt: 2,
      evidence: { exit_code: 0, stop_wanted: null, stop_marker: true },
    });

    await yard.tool("resume-training", { job_id: jobId });
    await training(jobId, 3);
    process.kill(yard.pid(jobId, 3), "SIGKILL");
    expect(await yard.ended(jobId)).toMatchObject({
      status: "failed",
      failure: { code: "KILLED" },
      evidence: { end: "signaled", signal: "SIGKILL", stop_wanted: null },
    });
  });

  it("stops at once without a checkpoint when that is wanted", async () => {
    const jobId = await yard.start("now", { steps: 5_000, saveEvery: 1_000, sampleEvery: 100_000 });
    await yard.steps(jobId, 2);
    await yard.tool("stop-training", { job_id: jobId, mode: "now" });
    expect(await yard.ended(jobId)).toMatchObject({
      status: "stopped",
      last_checkpoint: null,
      evidence: { stop_wanted: "user", forced: false },
    });
  });

  it("names what the toolkit refuses in a config", async () => {
    const jobId = await yard.start("refused", { scheduler: "nope" });
    expect(await yard.ended(jobId)).toMatchObject({
      status: "failed",
      failure: { code: "CONFIG_INVALID" },
      evidence: { exit_code: 1 },
    });
  });

  it.each([
    ["is gone", "DATASET_MISSING", (folder: string) => rmSync(folder, { recursive: true })],
    [
      "is empty",
      "DATASET_EMPTY",
      (folder: string) => {
        for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
      },
    ],
  ])("names a dataset that %s by the time it is read", async (what, code, spoil) => {
    const dataset = `fleeting-${code.toLowerCase().replace("_", "-")}`;
    await yard.trainyard.upload(dataset, await noisePictures(2));
    const jobId = await yard.start(dataset, { dataset });
    // Before that the box itself would find it gone, and refuse.
    await until("the trainer", async () =>
      existsSync(join(yard.trainyard.home, "jobs", jobId, "1", "handle.json")),
    );
    spoil(join(yard.trainyard.home, "datasets", dataset));
    expect(await yard.ended(jobId)).toMatchObject({ status: "failed", failure: { code } });
    expect(what).toBeTruthy();
  });

  it("trains on where one picture of several is torn, as the toolkit does", async () => {
    await yard.trainyard.upload("torn", await noisePictures(4));
    const picture = join(yard.trainyard.home, "datasets", "torn", "picture-2.png");
    writeFileSync(picture, readFileSync(picture).subarray(0, 200));
    const jobId = await yard.start("torn", { dataset: "torn", steps: 6, sampleEvery: 1_000 });
    const status = await yard.ended(jobId);
    console.log("one torn picture:", status["status"], JSON.stringify(status["failure"]));
    expect(["completed", "failed"]).toContain(status["status"]);
    if (status["status"] === "failed") expect(status["failure"].code).toBe("DATASET_CORRUPT");
  });

  it("is stopped for NaN, and every NaN is one in the series", async () => {
    const jobId = await yard.start(
      "nan",
      { steps: 400, lr: 1e6, sampleEvery: 1_000, saveEvery: 1_000 },
      { monitor_seconds: 0, stop_on_nan: true },
    );
    const status = await yard.ended(jobId);
    expect(status).toMatchObject({
      status: "stopped",
      stop: { by: "guardrail:TRAINING_NAN_LOSS" },
    });
    const series = await seriesOf(yard.trainyard, jobId, "loss");
    const rows = lossLog(yard.trainyard.home, "nan", "loss/loss");
    expect(series.map(({ step }) => step)).toEqual(rows.map(({ step }) => step));
    expect(series.filter(({ value }) => value === "NaN")).not.toHaveLength(0);
    for (const [at, { value }] of rows.entries()) {
      expect(series[at]?.value === "NaN" ? 0 : series[at]?.value).toBe(value);
    }
  });
});
