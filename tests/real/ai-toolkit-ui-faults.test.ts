import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/trainyard.ts";
import { missingOfUi, openWebUi } from "./own-web-ui.ts";
import type { OwnWebUi } from "./own-web-ui.ts";
import {
  noisePictures,
  openToolkitYard,
  rowsOfLossLog,
  seriesOf,
  toolkit,
} from "./toolkit-yard.ts";
import type { ToolkitYard } from "./toolkit-yard.ts";

const missing = missingOfUi(toolkit);
const long = { steps: 2_000, saveEvery: 1_000_000, sampleEvery: 1_000_000 };

describe.skipIf(missing !== null)("what goes wrong at the real Web UI", () => {
  let ui: OwnWebUi;
  let yard: ToolkitYard;
  beforeAll(async () => {
    if (toolkit === null || missing !== null) return;
    ui = await openWebUi(toolkit);
    yard = await openToolkitYard({ ...toolkit, root: ui.root }, ui);
    await yard.trainyard.upload("noise", await noisePictures(4));
  });
  afterAll(async () => {
    await yard?.close();
    await ui?.close();
  });

  it("a server that goes away and comes back ends nothing, and nothing is missing", async () => {
    const jobId = await yard.start("away", long);
    await yard.steps(jobId, 3);
    await ui.killServer();
    const silent = await until("its silence", async () => {
      const status = await yard.status(jobId);
      return status["evidence"]?.server_unreachable === true ? status : null;
    });
    expect(silent["status"]).toBe("running");
    const seen = Number(silent["current_step"]);
    await until("steps that nobody tells", async () =>
      rowsOfLossLog(join(ui.outputs, "away"), "loss/loss").length > seen + 5 ? true : null,
    );
    await expect(yard.start("refused-while-away")).rejects.toThrow("TRAINER_UNREACHABLE");
    await ui.startServer();
    await yard.steps(jobId, seen + 5);
    await yard.tool("stop-training", { job_id: jobId, mode: "now" });
    const end = await yard.ended(jobId);
    expect(end).toMatchObject({
      status: "stopped",
      evidence: { stop_wanted: "user", stop_marker: true },
    });
    const rows = rowsOfLossLog(join(ui.outputs, "away"), "loss/loss");
    // Interrupted between its bar and its database the toolkit itself loses the last step.
    for (const gap of end["gaps"]) expect(gap["from_step"]).toBeGreaterThan(rows.at(-1)?.step ?? 0);
    expect(await seriesOf(yard.trainyard, jobId, "loss")).toEqual(rows);
    const copy = readFileSync(join(yard.trainyard.home, "jobs", jobId, "1", "stdout.log"));
    expect(copy.equals(readFileSync(join(ui.outputs, "away", "log.txt")))).toBe(true);
  });

  it("a row that stays running when worker and process are killed is a zombie, and is cleared", async () => {
    const jobId = await yard.start("zombie", long);
    await yard.steps(jobId, 3);
    const { pid } = await ui.row("zombie");
    await ui.killWorker();
    process.kill(pid, "SIGKILL");
    expect(await yard.ended(jobId)).toMatchObject({
      status: "failed",
      failure: { code: "VANISHED" },
      evidence: { ui_status: "running", ui_process: "seen on this box" },
    });
    expect(await ui.row("zombie")).toMatchObject({ status: "stopped", pid: null });
    ui.startWorker();
  });

  it("a config that it refuses ends as the line says that it printed", async () => {
    const jobId = await yard.start("refused", { scheduler: "nope" });
    expect(await yard.ended(jobId)).toMatchObject({
      status: "failed",
      failure: { code: "CONFIG_INVALID" },
      evidence: { end: "exited", exit_code: 1, ui_status: "error" },
    });
  });

  it("a queue that is stopped there takes its job back, which is the next attempt when it goes on", async () => {
    const first = await yard.start("first", long);
    const second = await yard.start("second", { steps: 6 });
    await yard.steps(first, 3);
    expect((await yard.status(second))["status"]).toBe("queued");
    await ui.ask("/queue/0/stop");
    const back = await until("the job's end", async () => {
      const status = await yard.status(first);
      return status["attempts"][0].state === "stopped" ? status : null;
    });
    expect(back["attempts"][0]).toMatchObject({
      state: "stopped",
      evidence: { reported_status: "queued", stop_wanted: "ui", stop_marker: true },
    });
    await ui.ask("/queue/0/start");
    await until(
      "its next attempt",
      async () => {
        const status = await yard.status(first);
        return status["attempt"] === 2 && status["current_step"] >= 3 ? status : null;
      },
      300_000,
    );
    await yard.tool("stop-training", { job_id: first, mode: "now" });
    expect(await yard.ended(first)).toMatchObject({ status: "stopped", attempt: 2 });
    expect(await yard.ended(second)).toMatchObject({ status: "completed", current_step: 6 });
  });
});
