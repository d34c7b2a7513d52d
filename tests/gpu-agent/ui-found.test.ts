import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import type { Announced } from "@trainyard/shared/protocol/messages.ts";
import { attemptFiles } from "../../gpu-agent/home.ts";
import { jobIdOfUi } from "../../gpu-agent/trainers/ai-toolkit-ui/ui-rows.ts";
import { safetensors } from "../support/safetensors.ts";
import { uiConfig } from "../support/scripted-ui.ts";
import type { UiRow } from "../support/scripted-ui.ts";
import {
  endOf,
  lossOf,
  lossesOf,
  openUiWorld,
  runOf,
  statesOf,
  uiStart,
} from "./support/ui-box.ts";
import type { UiBox, UiWorld } from "./support/ui-box.ts";

const begin = (box: UiBox): void => {
  box.jobs.welcomed({ accepts: true, named: [] });
  box.jobs.start();
};
/** Somebody presses the button in the UI, and its worker does its round. */
function startThere({ ui }: UiWorld, row: UiRow): UiRow {
  Object.assign(row, {
    status: "queued",
    info: "Job queued",
    queue_position: row.queue_position + 1_000,
  });
  if (!ui.queues.some(({ gpu_ids }) => gpu_ids === row.gpu_ids))
    ui.queues.push({ id: 1, gpu_ids: row.gpu_ids, is_running: true });
  for (const queue of ui.queues) queue.is_running = true;
  ui.work();
  return row;
}
const head = (box: UiBox, jobId: string, attempt = 1) => box.supervisor.head({ jobId, attempt });
const ended = (world: UiWorld, box: UiBox, jobId: string, attempt = 1) =>
  world.until("the end", () => endOf(box.items(jobId, attempt)));

/** One that has ended there, with all it left. */
function endedThere(world: UiWorld, name: string, at: number): UiRow {
  const row = startThere(world, world.ui.add(name, {}, uiConfig(name, { steps: 6 })));
  const run = runOf(world, row);
  run.complete();
  row.updated_at = new Date(Date.now() - (100 - at) * 60_000).toISOString();
  return row;
}

describe("a job that was made in the Web UI", () => {
  it("is introduced and followed like one of ours", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(
      world,
      world.ui.add("cats & dogs", {}, uiConfig("cats & dogs", { steps: 6 })),
    );
    const run = runOf(world, row);
    run.steps(3);
    const jobId = jobIdOfUi(row.id);
    await world.until("it is followed", () => head(box, jobId)?.currentStep === 3);
    expect(box.announces).toMatchObject([
      {
        jobId,
        jobName: "cats & dogs",
        trainer: "ai-toolkit-ui",
        totalSteps: 6,
        slot: "gpu:0",
        document: { config: { name: "cats & dogs" } },
      },
    ]);
    world.ui.file("cats & dogs", `samples/${Date.now()}__000000003_0.jpg`, Buffer.from("picture"));
    run.complete();

    expect(await ended(world, box, jobId)).toMatchObject({ state: "completed", failure: null });
    const items = box.items(jobId);
    expect(lossesOf(items)).toEqual([1, 2, 3, 4, 5].map((step) => [step, lossOf(step)]));
    expect(items.find(({ kind }) => kind === "artifact")).toMatchObject({
      path: "outputs/cats_dogs/cats & dogs.safetensors",
    });
    expect(items.find(({ kind }) => kind === "sample")).toMatchObject({ step: 3 });
    const copy = readFileSync(attemptFiles(box.home, jobId, 1).stdout);
    const log = readFileSync(join(world.ui.settings.TRAINING_FOLDER, "cats & dogs", "log.txt"));
    expect(copy.equals(log)).toBe(true);
    // Looked at, and nothing else.
    expect(
      world.ui.requests.filter((one) => /POST|start|stop|now|delete|img|files/.test(one)),
    ).toEqual([]);
  });

  it("is not one that was only saved, a captioning, or one of ours", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    world.ui.add("saved");
    world.ui.add("captions", {
      job_type: "caption",
      status: "running",
      info: "x",
      pid: 3,
      gpu_ids: "9",
    });
    world.ui.add("taken out", { status: "stopped", info: "Job stopped" });
    const args = uiStart();
    await box.supervisor.start(args);
    runOf(world, await world.until("ours", () => world.ui.work()[0])).complete();
    await ended(world, box, args.jobId);
    await world.pass(limits.uiListAllMs * 2);
    expect(box.announces).toEqual([]);
    expect(box.spool.attempts().map(({ jobId }) => jobId)).toEqual([args.jobId]);
  });

  it("is another attempt when it is started there again, with its own rows and its own log", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(world, world.ui.add("again", {}, uiConfig("again", { steps: 6 })));
    const first = runOf(world, row);
    const jobId = jobIdOfUi(row.id);
    first.steps(4);
    await world.until("steps", () => head(box, jobId)?.currentStep === 4);
    await world.pass(limits.uiPollMs * 2);
    Object.assign(row, { status: "stopped", stop: true, info: "Job stopped" });
    await world.until("it is being stopped", () => head(box, jobId)?.state === "stopping");
    world.ui.log("again", `\n${"=".repeat(40)}\nJob stopped\n${"=".repeat(40)}\n`);
    first.exit();
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "stopped",
      evidence: { stop_wanted: "ui", stop_marker: true },
    });

    startThere(world, row);
    const second = runOf(world, row, 2);
    for (const points of world.ui.losses.get("again")?.values() ?? [])
      points.splice(0, points.length, ...points.filter(({ step }) => step <= 2));
    second.complete();
    expect(await ended(world, box, jobId, 2)).toMatchObject({ state: "completed" });
    expect(lossesOf(box.items(jobId, 2)).map(([step]) => step)).toEqual([3, 4, 5]);
    expect(readFileSync(attemptFiles(box.home, jobId, 2).stdout, "utf8")).not.toContain(
      "Job stopped",
    );
    expect(box.announces).toHaveLength(1);
  });

  it("started anew between two looks, the run before is over and nobody knows how", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(world, world.ui.add("quick", {}, uiConfig("quick", { steps: 6 })));
    const first = runOf(world, row);
    const jobId = jobIdOfUi(row.id);
    first.steps(3);
    await world.until("steps", () => head(box, jobId)?.currentStep === 3);
    await world.pass(limits.uiPollMs * 2);
    first.exit();
    row.status = "stopped";
    startThere(world, row);
    const second = runOf(world, row, 2);
    second.steps(5);
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "failed",
      failure: { code: "VANISHED" },
    });
    second.complete();
    expect(await ended(world, box, jobId, 2)).toMatchObject({ state: "completed" });
    expect(readFileSync(attemptFiles(box.home, jobId, 1).stdout, "utf8")).not.toContain("5/6");
    expect(row.status).toBe("completed");
  });

  it("goes back into its queue, waits there, and is taken out", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(world, world.ui.add("back"));
    const run = runOf(world, row);
    const jobId = jobIdOfUi(row.id);
    run.steps(2, 10);
    await world.until("steps", () => head(box, jobId)?.currentStep === 2);
    await world.pass(limits.uiPollMs);
    for (const queue of world.ui.queues) queue.is_running = false;
    run.returnToQueue();
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "stopped",
      evidence: {
        end: "reported",
        reported_status: "queued",
        stop_wanted: "ui",
        stop_marker: true,
      },
    });
    await world.until("its next place", () => head(box, jobId, 2)?.state === "queued");
    Object.assign(row, { status: "stopped", info: "Job stopped", pid: null });
    expect(await ended(world, box, jobId, 2)).toMatchObject({
      state: "stopped",
      evidence: { end: "not-started" },
    });
  });

  it("is stopped, saved and sampled from here", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(world, world.ui.add("theirs"));
    const run = runOf(world, row);
    const jobId = jobIdOfUi(row.id);
    run.steps(2, 10);
    await world.until("steps", () => head(box, jobId)?.currentStep === 2);
    expect(await box.supervisor.ask({ jobId, attempt: 1, what: "sample" })).toEqual({
      outcome: "asked",
    });
    expect(row.sample_now).toBe(true);
    box.supervisor.stop({ jobId, attempt: 1, by: "user", reason: "", mode: "now" });
    await world.until("the stop", () => row.status === "stopped");
    run.exit();
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "stopped",
      evidence: { stop_wanted: "user" },
    });
  });

  it("deleted while it runs is said to run on, and ends with its process", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(world, world.ui.add("gone"));
    const run = runOf(world, row);
    const jobId = jobIdOfUi(row.id);
    run.steps(2, 10);
    await world.until("steps", () => head(box, jobId)?.currentStep === 2);
    await world.pass(limits.uiPollMs);
    world.ui.jobs.delete(row.id);
    rmSync(join(world.ui.settings.TRAINING_FOLDER, "gone"), { recursive: true });
    await world.until("the alert", () =>
      box.items(jobId).find((item) => item.kind === "alert" && item.code === "UI_JOB_DELETED"),
    );
    await world.pass(120_000);
    expect(head(box, jobId)?.state).toBe("running");
    run.exit();
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "stopped",
      evidence: { end: "deleted", stop_wanted: "ui" },
    });
  });

  it("one answer without it is not its end: a server that starts has no rows for a moment", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(world, world.ui.add("blink"));
    const run = runOf(world, row);
    const jobId = jobIdOfUi(row.id);
    run.steps(2, 10);
    await world.until("steps", () => head(box, jobId)?.currentStep === 2);
    run.exit();
    let blinks = 1;
    world.ui.fault = (_method, path) =>
      path.startsWith("/api/jobs?id=") && (blinks -= 1) >= 0 ? { text: "null" } : null;
    await world.until("the blink", () => blinks < 0);
    expect(endOf(box.items(jobId))).toBeNull();
  });

  it("a zombie is said to keep its queue from starting anything", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(world, world.ui.add("zombie"));
    const run = runOf(world, row);
    const jobId = jobIdOfUi(row.id);
    run.steps(2, 10);
    await world.until("steps", () => head(box, jobId)?.currentStep === 2);
    await world.pass(limits.uiPollMs);
    run.exit();
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "failed",
      failure: { code: "VANISHED" },
      evidence: { ui_status: "running" },
    });
    expect(box.items(jobId).find((item) => item.kind === "alert")).toMatchObject({
      code: "UI_ROW_LEFT_RUNNING",
    });
    // Theirs: it is not written to.
    expect(row.status).toBe("running");
    await world.pass(limits.uiListAllMs);
    expect(box.spool.attemptsOf(jobId)).toHaveLength(1);
  });

  it("whose process was never seen is a zombie only when nothing moves for long", async () => {
    const world = await openUiWorld();
    const row = startThere(world, world.ui.add("ghost"));
    world.ui.log("ghost", "Running 1 job\n");
    const box = world.open();
    begin(box);
    const jobId = jobIdOfUi(row.id);
    await world.until("it is followed", () => head(box, jobId)?.state === "running");
    await world.pass(limits.uiQuietMs / 2);
    expect(head(box, jobId)?.state).toBe("running");
    expect((await ended(world, box, jobId)).failure?.code).toBe("VANISHED");
  });

  it("the newest few that had ended are taken up, a couple at a time, with their own times", async () => {
    const world = await openUiWorld();
    const rows = Array.from({ length: limits.uiBackfillJobs + 4 }, (_, at) =>
      endedThere(world, `old-${at}`, at),
    );
    const box = world.open();
    begin(box);
    const wanted = rows.slice(-limits.uiBackfillJobs).map(({ id }) => jobIdOfUi(id));
    let most = 0;
    await world.until("all of them", () => {
      most = Math.max(most, box.supervisor.liveJobs().length);
      return wanted.every((jobId) => endOf(box.items(jobId))?.state === "completed");
    });
    await world.pass(limits.uiListAllMs * 2);
    expect(box.spool.attempts()).toHaveLength(limits.uiBackfillJobs);
    expect(most).toBeLessThanOrEqual(limits.uiBackfillAtOnce);
    expect(box.announces.map(({ jobName }) => jobName)).toEqual(
      rows.slice(-limits.uiBackfillJobs).map(({ name }) => name),
    );
    const [jobId = ""] = wanted;
    expect(lossesOf(box.items(jobId))).toHaveLength(5);
    // The trainer's own clock, of its last metric.
    expect(endOf(box.items(jobId))?.atMs).toBe(
      (1_700_000_000 + (rows[4]?.pid ?? 0) * 10_000 + 5) * 1_000,
    );
  });

  it("a spool that was lost goes on with the same attempt, behind what the edge has", async () => {
    const world = await openUiWorld();
    const row = startThere(world, world.ui.add("lost", {}, uiConfig("lost", { steps: 6 })));
    const run = runOf(world, row);
    run.steps(4);
    world.ui.file("lost", "lost_000000002.safetensors", safetensors(new Uint8Array(4)));
    const known: Announced["outcome"] = {
      ok: true,
      attempt: 1,
      acked: 40,
      state: "running",
      lastStep: 2,
    };
    const box = world.open({ edge: () => known });
    begin(box);
    const jobId = jobIdOfUi(row.id);
    await world.until("it is followed", () => head(box, jobId)?.currentStep === 4);
    run.complete();
    await ended(world, box, jobId);
    const items = box.spool.read({ jobId, attempt: 1 }, 41, { items: 999, bytes: 1e9 });
    expect(box.spool.stream({ jobId, attempt: 1 })?.lastSeq).toBeGreaterThan(41);
    expect(lossesOf(items).map(([step]) => step)).toEqual([3, 4, 5]);
    expect(items[0]).toMatchObject({ kind: "gap", reason: expect.stringContaining("lost") });
    expect(endOf(items)?.state).toBe("completed");
  });

  it("an ended one that the edge has from a lost spool is not told twice", async () => {
    const world = await openUiWorld();
    const row = endedThere(world, "known", 1);
    const known: Announced["outcome"] = {
      ok: true,
      attempt: 1,
      acked: 9,
      state: "completed",
      lastStep: 5,
    };
    const box = world.open({ edge: () => known });
    begin(box);
    await world.until("the introduction", () => box.announces.length === 1);
    await world.pass(limits.uiListAllMs * 3);
    expect(box.spool.attempts()).toEqual([]);
    expect(box.announces).toHaveLength(1);
    // Run once more there it is a new attempt.
    startThere(world, row);
    runOf(world, row);
    await world.until(
      "the second attempt",
      () => box.spool.attemptsOf(jobIdOfUi(row.id))[0]?.attempt === 2,
    );
  });

  it("[A1] an edge that knows no introductions is told of none, and one that refuses is left alone", async () => {
    const world = await openUiWorld();
    const row = startThere(world, world.ui.add("quiet"));
    runOf(world, row);
    const box = world.open({
      edge: () => ({ ok: false, error: { code: "IDENTITY_IN_USE", message: "another box" } }),
    });
    box.jobs.welcomed({ accepts: false, named: [] });
    box.jobs.start();
    await world.pass(limits.uiListMs * 3);
    expect(box.announces).toEqual([]);

    box.jobs.welcomed({ accepts: true, named: [] });
    await world.until("the introduction", () => box.announces.length === 1);
    await world.pass(limits.uiListMs * 5);
    expect(box.announces).toHaveLength(1);
    expect(box.spool.attempts()).toEqual([]);
  });

  it("[A1] nothing of it is sent in a session before the edge has taken it", async () => {
    const world = await openUiWorld();
    const box = world.open();
    begin(box);
    const row = startThere(world, world.ui.add("held"));
    const run = runOf(world, row);
    run.steps(1, 10);
    const jobId = jobIdOfUi(row.id);
    await world.until("it is followed", () => head(box, jobId)?.state === "running");
    expect(box.jobs.isHeld(jobId)).toBe(false);
    box.jobs.welcomed({ accepts: true, named: [] });
    expect(box.jobs.isHeld(jobId)).toBe(true);
    await world.until("it is introduced again", () => box.announces.length === 2);
    expect(box.jobs.isHeld(jobId)).toBe(false);
    box.jobs.welcomed({ accepts: true, named: [jobId] });
    expect(box.jobs.isHeld(jobId)).toBe(false);
    expect(box.jobs.isHeld(uiStart().jobId)).toBe(false);
    expect(statesOf(box.items(jobId)).map(({ state }) => state)).toEqual(["starting", "running"]);
  });

  it("gives no secret of the box away in its config", async () => {
    const world = await openUiWorld();
    world.secrets.push("correct-horse-battery");
    const config = uiConfig("secretive");
    (config["config"] as { process: Record<string, unknown>[] }).process[0]!["hf_token"] =
      "correct-horse-battery";
    const row = startThere(world, world.ui.add("secretive", {}, config));
    runOf(world, row);
    const box = world.open();
    begin(box);
    await world.until("the introduction", () => box.announces.length === 1);
    expect(JSON.stringify(box.announces)).not.toContain("correct-horse-battery");
    expect(JSON.stringify(box.announces)).toContain("[redacted:");
  });
});
