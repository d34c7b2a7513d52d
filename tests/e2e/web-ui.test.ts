import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { safetensors } from "../support/safetensors.ts";
import { barLine, startScriptedUi, uiConfig } from "../support/scripted-ui.ts";
import type { ScriptedUi, UiRow } from "../support/scripted-ui.ts";
import { pictures, readSeries, startTrainyard, until, untilEnded } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

const token = "the-token-of-the-ui";

describe("a Trainyard whose box has AI Toolkit's Web UI", () => {
  let folder: string;
  let ui: ScriptedUi;
  let yard: Trainyard;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ty-e2e-ui-"));
    ui = await startScriptedUi(folder);
    ui.token = token;
    yard = await startTrainyard({
      env: { AI_TOOLKIT_SERVER_URL: ui.url, AI_TOOLKIT_AUTH: token, AI_TOOLKIT_PATH: folder },
    });
    writeFileSync(
      join(yard.home, "policy.json"),
      JSON.stringify({ ai_toolkit_ui_roots: [ui.settings.TRAINING_FOLDER] }),
    );
    await yard.upload("dog", await pictures(40, 2));
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await yard?.close();
    await ui?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Its worker starts the next job: a real process that is recognised by its command line, and does nothing. */
  const started = (): Promise<UiRow> =>
    until("a start in the UI", async () => {
      const [row] = ui.work();
      if (row === undefined) return null;
      const config = join(ui.settings.TRAINING_FOLDER, row.name, ".job_config.json");
      const child = spawn(
        process.execPath,
        ["--eval", "setInterval(() => {}, 1000)", "run.py", config],
        { stdio: "ignore", detached: true },
      );
      children.push(child);
      row.pid = child.pid ?? null;
      return row;
    });
  const train = (row: UiRow, from: number, to: number, total: number): void => {
    for (let step = from; step < to; step += 1) {
      ui.log(row.name, barLine(row.name, step + 1, total, 1 + step / 8));
      if (step > 0) {
        const wall_time = Date.now() / 1_000;
        ui.loss(row.name, "loss/loss", [{ step, wall_time, value: 1 + step / 8 }]);
        ui.loss(row.name, "learning_rate", [{ step, wall_time, value: 1e-4 }]);
      }
      row.step = step + 1;
    }
  };
  const steps = (jobId: string, count: number): Promise<Record<string, any>> =>
    until(`${count} steps`, async () => {
      const { data } = await yard.call("get-training-status", { job_id: jobId });
      return data["current_step"] >= count ? data : null;
    });

  it("trains through it, and gives model, samples, log and series as of any job", async () => {
    await yard.call("create-training-config", {
      name: "through",
      model_name: "black-forest-labs/FLUX.1-dev",
      dataset: "dog",
      steps: 6,
    });
    const start = await yard.call("start-training", { config_name: "through" });
    expect(start.error).toBeNull();
    const jobId = String(start.data["job_id"]);
    const row = await started();
    expect(row).toMatchObject({ name: "through", job_ref: `trainyard:${jobId}` });
    expect(JSON.parse(row.job_config).config.process[0].datasets[0].folder_path).toBe(
      join(yard.home, "datasets", "dog"),
    );
    train(row, 0, 4, 6);
    const shot = Object.values(await pictures(200, 1))[0] ?? Buffer.alloc(0);
    ui.file("through", `samples/${Date.now()}__000000004_0.png`, shot);
    await steps(jobId, 4);
    const asked = await yard.call("control-training", {
      job_id: jobId,
      action: "sample",
      wait_seconds: 0,
    });
    expect(asked.error).toBeNull();
    expect(row.sample_now).toBe(true);

    const model = safetensors(new Uint8Array(512).fill(7));
    train(row, 4, 6, 6);
    ui.file("through", "through.safetensors", model);
    Object.assign(row, { status: "completed", info: "Training completed" });
    children.at(-1)?.kill("SIGKILL");
    const end = await untilEnded(yard, jobId);
    expect(end).toMatchObject({
      status: "completed",
      trainer: "ai-toolkit-ui",
      origin: "trainyard",
      model: { name: "through.safetensors", verified: true },
    });
    expect(await readSeries(yard, jobId)).toEqual(
      [1, 2, 3, 4, 5].map((step) => ({ step, loss: 1 + step / 8 })),
    );
    const link = await yard.call("create-download-link", { job_id: jobId });
    const bytes = Buffer.from(await (await fetch(link.data["download_url"])).arrayBuffer());
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(link.data["sha256"]);
    expect(bytes.equals(model)).toBe(true);
    const samples = await yard.call("get-training-samples", { job_id: jobId });
    expect(samples.data).toMatchObject({ sample_count: 1, sheet: { missing: 0 } });
    const log = await yard.call("get-training-logs", { job_id: jobId });
    expect(JSON.stringify(log.data)).toContain("6/6");
  });

  it("shows what was started there, and stops it", async () => {
    const row = ui.add("by hand", {}, uiConfig("by hand", { steps: 90 }));
    Object.assign(row, { status: "queued", info: "Job queued" });
    for (const queue of ui.queues) queue.is_running = true;
    expect(await started()).toBe(row);
    train(row, 0, 3, 90);
    const found = await until("the job in the list", async () => {
      const { data } = await yard.call("list-training-jobs", {});
      return data["jobs"].find((job: { job_name: string }) => job.job_name === "by hand");
    });
    expect(found).toMatchObject({ origin: "ui", trainer: "ai-toolkit-ui" });
    const jobId = String(found.job_id);
    await steps(jobId, 3);
    await yard.call("stop-training", { job_id: jobId, mode: "now" });
    await until("the stop", async () => row.status === "stopped");
    const [pid] = [row.pid];
    ui.log("by hand", `\n${"=".repeat(40)}\nJob stopped\n${"=".repeat(40)}\n`);
    if (pid !== null) process.kill(pid, "SIGKILL");
    expect(await untilEnded(yard, jobId)).toMatchObject({
      status: "stopped",
      evidence: { stop_wanted: "user", stop_marker: true },
    });
    expect((await yard.call("get-training-observability", { job_id: jobId })).error).toBeNull();
  });

  it("says how the server is, and gives none of its addresses and secrets away", async () => {
    const stats = await yard.call("get-system-stats", { detail: "full" });
    expect(stats.data["ai_toolkit_ui"]).toMatchObject({
      reachable: true,
      authorized: true,
      running: expect.any(Number),
      queues: [{ gpu_ids: "0" }],
    });
    const jobs = await yard.call("list-training-jobs", { detail: "full" });
    const told = JSON.stringify([stats.body, jobs.body]);
    for (const secret of [ui.url, token, String(ui.settings.HF_TOKEN)])
      expect(told).not.toContain(secret);
    expect(ui.requests.filter((one) => /\/api\/(img|files)\//.test(one))).toEqual([]);
  });
});
