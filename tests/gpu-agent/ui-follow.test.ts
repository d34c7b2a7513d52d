import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFailed } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import { attemptFiles } from "../../gpu-agent/home.ts";
import { barLine } from "../support/scripted-ui.ts";
import type { UiFault } from "../support/scripted-ui.ts";
import { safetensors } from "../support/safetensors.ts";
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

const user = { by: "user", reason: "enough", mode: "now" as const };

/** Started here and running there. */
async function running(world: UiWorld, box: UiBox, args = uiStart()) {
  await box.supervisor.start(args);
  const row = await world.until("the job to start in the UI", () => world.ui.work()[0]);
  return { args, jobId: args.jobId, run: runOf(world, row), row };
}

const copyOf = (box: UiBox, jobId: string, attempt = 1): Buffer =>
  readFileSync(attemptFiles(box.home, jobId, attempt).stdout);
const logOf = ({ ui }: UiWorld, name: string): Buffer =>
  readFileSync(join(ui.settings.TRAINING_FOLDER, name, "log.txt"));
const ended = (world: UiWorld, box: UiBox, jobId: string, attempt = 1) =>
  world.until("the end", () => endOf(box.items(jobId, attempt)));
const stateOf = (box: UiBox, jobId: string) =>
  box.supervisor.head({ jobId, attempt: 1 })?.state ?? null;

describe("a job that is run by the Web UI", () => {
  it("is made, queued and started there, read to its last row, and completed by its verified model", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { args, jobId, run, row } = await running(world, box);
    expect(row).toMatchObject({ name: "dog", gpu_ids: "0", job_ref: `trainyard:${jobId}` });
    const { process } = JSON.parse(row.job_config).config;
    expect(process[0]).toMatchObject({ training_folder: world.ui.settings.TRAINING_FOLDER });
    run.steps(3);
    world.ui.file("dog", `samples/${Date.now()}__000000002_0.jpg`, Buffer.from("picture"));
    await world.until(
      "three steps",
      () => stateOf(box, jobId) === "running" && lossesOf(box.items(jobId)).length === 1,
    );
    // The bar in three-byte characters, cut in the middle of one.
    const line = Buffer.from(barLine("dog", 4, 6, 1));
    const middle = line.indexOf(0xe2) + 1;
    world.ui.log("dog", line.subarray(0, middle));
    await world.pass(limits.uiPollMs * 2);
    world.ui.log("dog", line.subarray(middle));
    run.complete();
    const end = await ended(world, box, jobId);

    expect(end).toMatchObject({
      state: "completed",
      failure: null,
      evidence: {
        end: "reported",
        reported_status: "completed",
        final_artifact_valid: true,
        completed_steps: 6,
        artifact_checked: "on disk",
      },
    });
    const items = box.items(jobId);
    expect(lossesOf(items)).toEqual([1, 2, 3, 4, 5].map((step) => [step, lossOf(step)]));
    expect(copyOf(box, jobId).equals(logOf(world, "dog"))).toBe(true);
    expect(items.filter(({ kind }) => kind === "gap")).toEqual([]);
    expect(items.find(({ kind }) => kind === "artifact")).toMatchObject({
      path: "outputs/dog/dog.safetensors",
    });
    expect(items.find(({ kind }) => kind === "sample")).toMatchObject({ step: 2, index: 0 });
    expect(box.supervisor.findOutput("dog")).toEqual({
      root: world.ui.settings.TRAINING_FOLDER,
      folder: "dog",
    });
    expect(world.ui.requests.filter((one) => one.endsWith("/start"))).toEqual([
      `GET /api/jobs/${row.id}/start`,
      "GET /api/queue/0/start",
    ]);
    expect(await box.supervisor.start(args)).toEqual({ accepted: true });
  });

  it("is one job and one start, whichever answer is lost", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const lost = new Set(["POST /api/jobs", "/start"]);
    world.ui.fault = (method, path): UiFault | null => {
      const mark = [...lost].find((one) => `${method} ${path}`.endsWith(one));
      if (mark === undefined) return null;
      lost.delete(mark);
      return { lost: true };
    };
    await running(world, box);
    expect(lost.size).toBe(0);
    expect(world.ui.jobs.size).toBe(1);
    await world.pass(limits.uiPollMs * 3);
    expect(world.ui.row("dog").queue_position).toBe(2_000);
  });

  it("waits in the UI's queue behind what runs there, and says so", async () => {
    const world = await openUiWorld();
    world.ui.add("other", { status: "running", info: "Training", pid: 7 });
    const box = world.open();
    const args = uiStart();
    await box.supervisor.start(args);
    await world.until("the queue", () => stateOf(box, args.jobId) === "queued");
    expect(world.ui.work()).toEqual([]);

    world.ui.row("other").status = "completed";
    const row = await world.until("its turn", () => world.ui.work()[0]);
    runOf(world, row).complete();
    await ended(world, box, args.jobId);
    expect(statesOf(box.items(args.jobId)).map(({ state }) => state)).toEqual([
      "starting",
      "queued",
      "running",
      "completed",
    ]);
  });

  it("taken out of the queue there, or stopped here while it waits, it never starts", async () => {
    const world = await openUiWorld();
    world.ui.add("other", { status: "running", info: "Training", pid: 7 });
    const box = world.open();
    const there = uiStart({ jobName: "there" });
    await box.supervisor.start(there);
    await world.until("the queue", () => stateOf(box, there.jobId) === "queued");
    Object.assign(world.ui.row("there"), { status: "stopped", info: "Job stopped", pid: null });
    expect(await ended(world, box, there.jobId)).toMatchObject({
      state: "stopped",
      evidence: { end: "not-started", stop_wanted: "ui" },
    });

    const here = uiStart({ jobName: "here" });
    await box.supervisor.start(here);
    await world.until("the queue", () => stateOf(box, here.jobId) === "queued");
    box.supervisor.stop({ jobId: here.jobId, attempt: 1, ...user });
    expect(await ended(world, box, here.jobId)).toMatchObject({
      state: "stopped",
      evidence: { stop_wanted: "user" },
    });
    expect(world.ui.row("here").status).toBe("stopped");
    expect(world.processes.signals).toEqual([]);
  });

  it("has another name where the UI has that one already, whose job is left alone", async () => {
    const world = await openUiWorld();
    const theirs = world.ui.add("dog", {
      status: "running",
      info: "Training",
      pid: 7,
      gpu_ids: "3",
    });
    const before = { ...theirs };
    const box = world.open();
    const { row, jobId } = await running(world, box);
    expect(row.name).toBe(`dog-${jobId.slice(4, 12)}`);
    expect(JSON.parse(row.job_config).config.name).toBe(row.name);
    expect(theirs).toEqual(before);
  });

  it("fails to start where the name was taken in the last moment", async () => {
    const world = await openUiWorld();
    const box = world.open();
    world.ui.fault = (method) => {
      if (method === "POST") world.ui.fault = () => null;
      return method === "POST" ? { status: 409, body: { error: "Job name already exists" } } : null;
    };
    const args = uiStart();
    await box.supervisor.start(args);
    expect(await ended(world, box, args.jobId)).toMatchObject({
      state: "failed",
      failure: { code: "SPAWN_FAILED" },
      evidence: { reason: expect.stringContaining("name") },
    });
  });

  it("fails to start when nobody takes it for ten minutes, and waits until then", async () => {
    const world = await openUiWorld();
    await world.ui.down();
    const box = world.open();
    const args = uiStart();
    await box.supervisor.start(args);
    await world.pass(60_000);
    expect(stateOf(box, args.jobId)).toBe("starting");
    expect(statesOf(box.items(args.jobId)).at(-1)?.evidence).toMatchObject({
      server_unreachable: true,
    });
    expect(await ended(world, box, args.jobId)).toMatchObject({
      state: "failed",
      failure: { code: "SPAWN_FAILED" },
    });
    await world.ui.up();
    expect(world.ui.jobs.size).toBe(0);
  });

  it("saves and samples when asked, and says where it cannot", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run, row } = await running(world, box);
    const ask = (what: "save" | "sample") => box.supervisor.ask({ jobId, attempt: 1, what });
    expect(await ask("save")).toEqual({ outcome: "not-listening" });
    run.steps(2);
    await world.until("steps", () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 2);
    expect(await ask("save")).toEqual({ outcome: "asked" });
    expect(await ask("sample")).toEqual({ outcome: "asked" });
    expect(row).toMatchObject({ save_now: true, sample_now: true });
    await world.ui.down();
    await expect(ask("save")).rejects.toMatchObject({ code: "TRAINER_UNREACHABLE" });
  });

  it("is stopped behind a checkpoint, and only when its process is gone", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run, row } = await running(world, box);
    run.steps(3);
    await world.until("steps", () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 3);
    box.supervisor.stop({ jobId, attempt: 1, ...user, mode: "checkpoint" });
    await world.until("the save", () => row.save_now);
    expect(row.stop).toBe(false);
    world.ui.file("dog", "dog_000000003.safetensors", safetensors(new Uint8Array(4)));
    world.ui.log(
      "dog",
      `\nSaving at step 3\nSaved checkpoint to ${world.ui.settings.TRAINING_FOLDER}/dog/dog_000000003.safetensors\n`,
    );
    await world.until("the stop", () => row.status === "stopped");
    await world.pass(30_000);
    expect(stateOf(box, jobId)).toBe("stopping");

    world.ui.log("dog", `\n${"=".repeat(40)}\nJob stopped\n${"=".repeat(40)}\n`);
    run.exit();
    const end = await ended(world, box, jobId);
    expect(end).toMatchObject({
      state: "stopped",
      evidence: { stop_wanted: "user", stop_marker: true, forced: false },
    });
    expect(box.items(jobId).filter(({ kind }) => kind === "checkpoint")).toMatchObject([
      { step: 3, valid: true },
    ]);
    // The UI's own stop has interrupted it: no signal of ours tears what it clears up.
    expect(world.processes.signals).toEqual([]);
  });

  it("is ended by force when the UI's stop does not end it, and by signals when there is no UI", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run, row } = await running(world, box);
    run.steps(2);
    await world.until("steps", () => stateOf(box, jobId) === "running");
    await world.pass(limits.uiPollMs);
    await world.ui.down();
    box.supervisor.stop({ jobId, attempt: 1, ...user });
    await world.until("an interrupt", () => world.processes.signals.length === 1);
    expect(world.processes.signals).toEqual([[row.pid, "SIGINT"]]);
    await world.until("a kill", () => world.processes.signals.length === 4);
    run.exit();
    await world.ui.up();
    Object.assign(row, { status: "error", info: "killed" });
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "stopped",
      evidence: { stop_wanted: "user", forced: true },
    });
  });

  it("keeps its last truth while the server is gone, and misses nothing afterwards", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run } = await running(world, box);
    run.steps(2);
    await world.until("steps", () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 2);
    const told = box.supervisor.head({ jobId, attempt: 1 })?.observedAtMs ?? 0;
    await world.ui.down();
    run.steps(5);
    await world.pass(120_000);
    expect(box.supervisor.head({ jobId, attempt: 1 })).toMatchObject({
      state: "running",
      currentStep: 2,
    });
    const age = world.time.now() - (box.supervisor.head({ jobId, attempt: 1 })?.observedAtMs ?? 0);
    expect(age).toBeGreaterThan(100_000);
    expect(statesOf(box.items(jobId)).at(-1)).toMatchObject({
      state: "running",
      evidence: {
        server_unreachable: true,
        server_last_answered_at: expect.stringContaining("2023-11-14T"),
      },
    });
    expect(told).toBeGreaterThan(0);

    await world.ui.up();
    await world.until(
      "the return",
      () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 5,
    );
    expect(statesOf(box.items(jobId)).at(-1)?.evidence).toEqual({ server_unreachable: false });
    run.complete();
    await ended(world, box, jobId);
    expect(lossesOf(box.items(jobId))).toEqual([1, 2, 3, 4, 5].map((step) => [step, lossOf(step)]));
    expect(copyOf(box, jobId).equals(logOf(world, "dog"))).toBe(true);
  });

  it("ends by what this box sees, when process and server are both gone", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run } = await running(world, box);
    run.steps(2);
    await world.until("steps", () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 2);
    await world.ui.down();
    run.complete();
    await world.pass(limits.uiQuietMs / 2);
    expect(stateOf(box, jobId)).toBe("running");
    const end = await ended(world, box, jobId);
    // The log's rest came from the disk, and the model was looked at there.
    expect(copyOf(box, jobId).equals(logOf(world, "dog"))).toBe(true);
    expect(end).toMatchObject({
      state: "completed",
      evidence: { end: "vanished", completed_steps: 6 },
    });
  });

  it("a zombie row is recognised, said so, and marked where it is ours", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run, row } = await running(world, box);
    run.steps(2);
    await world.until("steps", () => stateOf(box, jobId) === "running");
    await world.pass(limits.uiPollMs);
    run.exit();
    const end = await ended(world, box, jobId);
    expect(end).toMatchObject({
      state: "failed",
      failure: { code: "VANISHED" },
      evidence: { ui_status: "running", ui_process: "seen on this box" },
    });
    expect(row).toMatchObject({ status: "stopped", pid: null });
  });

  it("names the exit that the UI wrote behind the log, and what the log says is the cause", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run, row } = await running(world, box);
    world.ui.log(
      "dog",
      "Error running job: no images found in /data/ds\n\nTraceback (most recent call last):\n  x\nAssertionError: no images found in /data/ds\n\nJob process terminated with exit code 1.\n",
    );
    Object.assign(row, { status: "error", info: "no images found in /data/ds" });
    run.exit();
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "failed",
      failure: { code: "DATASET_EMPTY" },
      evidence: { end: "exited", exit_code: 1, ui_info: "no images found in /data/ds" },
    });
  });

  it("completed without a model is not completed", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run } = await running(world, box);
    run.complete();
    rmSync(join(world.ui.settings.TRAINING_FOLDER, "dog", "dog.safetensors"));
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "failed",
      failure: { code: "NO_ARTIFACT" },
    });
  });

  it("is read on exactly by the next agent", async () => {
    const world = await openUiWorld();
    const first = world.open();
    const { jobId, run } = await running(world, first);
    run.steps(3);
    await world.until("steps", () => lossesOf(first.items(jobId)).length > 0);
    first.close();
    run.steps(5);
    const box = world.open({ home: first.home });
    box.supervisor.adopt();
    await world.until("steps", () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 5);
    run.complete();
    await ended(world, box, jobId);
    expect(lossesOf(box.items(jobId))).toEqual([1, 2, 3, 4, 5].map((step) => [step, lossOf(step)]));
    expect(copyOf(box, jobId).equals(logOf(world, "dog"))).toBe(true);
    expect(world.ui.jobs.size).toBe(1);
    expect(world.ui.row("dog").queue_position).toBe(2_000);
  });

  it("of a boot before it was interrupted", async () => {
    const world = await openUiWorld();
    const first = world.open();
    const { jobId, run } = await running(world, first);
    run.steps(2);
    await world.until("steps", () => stateOf(first, jobId) === "running");
    await world.pass(limits.uiPollMs);
    first.close();
    run.exit();
    const box = world.open({ home: first.home, bootId: "another" });
    box.supervisor.adopt();
    expect(await ended(world, box, jobId)).toMatchObject({
      state: "interrupted",
      failure: { code: "REBOOTED" },
    });
  });

  it("is resumed as the same row, with more steps, and its series are its own", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { args, jobId, run, row } = await running(world, box);
    run.steps(4);
    await world.until("steps", () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 4);
    await world.pass(limits.uiPollMs * 2);
    run.exit();
    await ended(world, box, jobId);

    const { document } = uiStart({ steps: 8 });
    await box.supervisor.start({ ...args, attempt: 2, document, totalSteps: 8 });
    const again = await world.until("the second run", () => world.ui.work()[0]);
    expect(again.id).toBe(row.id);
    expect(JSON.parse(again.job_config).config.process[0].train).toEqual({ steps: 8 });
    const second = runOf(world, again, 2);
    // Python takes the rows behind the checkpoint away with its first own.
    for (const [key, points] of world.ui.losses.get("dog") ?? [])
      world.ui.losses.get("dog")?.set(
        key,
        points.filter(({ step }) => step <= 2),
      );
    second.complete(8);
    await ended(world, box, jobId, 2);
    expect(lossesOf(box.items(jobId, 2)).map(([step]) => step)).toEqual([3, 4, 5, 6, 7]);
    expect(lossesOf(box.items(jobId, 1)).map(([step]) => step)).toEqual([1, 2, 3]);
    expect(copyOf(box, jobId, 2).equals(logOf(world, "dog"))).toBe(true);
  });

  const faults: [string, UiFault][] = [
    ["an error of the server", { status: 500 }],
    ["a refused token", { status: 401, body: { error: "Unauthorized" } }],
    ["no JSON", { text: "<html>" }],
    ["JSON of another form", { text: '{"jobs": 7, "log": null}' }],
    ["a cut answer", { cut: true }],
    ["a gateway without a server", { status: 502, body: "UI server unavailable" }],
    ["another place", { status: 302 }],
  ];
  it.each(faults)("lives through %s, at every route in turn", async (_name, fault) => {
    const world = await openUiWorld();
    const box = world.open();
    const seed = Number(process.env["UI_SEED"] ?? Date.now() % 1_000_000);
    onTestFailed(() => console.log(`seed ${seed}`));
    let state = seed;
    world.ui.fault = () => {
      // A linear congruence is random enough to be out of step with the rounds of questions.
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state / 2_147_483_648 < 0.2 ? fault : null;
    };
    const { jobId, run } = await running(world, box);
    run.steps(3);
    await world.pass(limits.uiPollMs);
    run.complete();
    await ended(world, box, jobId);
    expect(lossesOf(box.items(jobId))).toEqual([1, 2, 3, 4, 5].map((step) => [step, lossOf(step)]));
    expect(copyOf(box, jobId).equals(logOf(world, "dog"))).toBe(true);
    expect(world.ui.jobs.size).toBe(1);
  });

  it("ends with a gap where a route is broken for good", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run } = await running(world, box);
    world.ui.fault = (_method, path) => (path.includes("/loss?") ? { status: 500 } : null);
    run.steps(3);
    await world.until("steps", () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 3);
    run.complete();
    expect(await ended(world, box, jobId)).toMatchObject({ state: "completed" });
    expect(box.items(jobId).filter(({ kind }) => kind === "gap")).toMatchObject([
      { what: "metrics", reason: expect.stringContaining("HTTP 500") },
      { what: "metrics", fromStep: 0, toStep: 5 },
    ]);
  });

  it("whose files are elsewhere is judged by its header and length, and gives no model", async () => {
    const world = await openUiWorld();
    const box = world.open({ roots: [] });
    const { jobId, run } = await running(world, box);
    run.complete();
    const end = await ended(world, box, jobId);
    expect(end).toMatchObject({
      state: "completed",
      evidence: { final_artifact_valid: true, artifact_checked: "by range, through the UI" },
    });
    expect(box.items(jobId).some(({ kind }) => kind === "artifact")).toBe(false);
    expect(box.supervisor.findOutput("dog")).toBeNull();

    const other = await running(world, box, uiStart({ jobName: "torn" }));
    other.run.complete();
    const whole = safetensors(new Uint8Array(64));
    writeFileSync(
      join(world.ui.settings.TRAINING_FOLDER, "torn", "torn.safetensors"),
      whole.subarray(0, whole.length - 3),
    );
    expect(await ended(world, box, other.jobId)).toMatchObject({
      state: "failed",
      failure: { code: "ARTIFACT_INVALID" },
    });
  });

  it("never takes a folder of this box for the UI's own because it has the same path", async () => {
    const world = await openUiWorld();
    const box = world.open();
    const { jobId, run } = await running(world, box);
    run.steps(3);
    await world.until("steps", () => box.supervisor.head({ jobId, attempt: 1 })?.currentStep === 3);
    // What lies there holds something else than the UI gave.
    world.ui.fault = (_method, path) =>
      path.includes("/log?")
        ? { text: JSON.stringify({ log: "another log\n", offset: 12, reset: false }) }
        : null;
    await world.pass(limits.uiPollMs * 3);
    expect(box.supervisor.findOutput("dog")).toBeNull();
  });
});
