import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { createJobTable, jobTableControl } from "../../../../gpu-agent/trainers/job-table.ts";
import type { TrainerRequest } from "../../../../gpu-agent/trainers/trainer.ts";
import { analyzeLog } from "../../../../shared/logs/log-reader.ts";
import {
  losses,
  readTruth,
  runTrainer,
  startTrainer,
  temporaryFolder,
  until,
  writeDataset,
  writeJob,
} from "./tiny-run.ts";

const rule = "=".repeat(40);

function resultBlock(message: string): string {
  return `Error running job: ${message}\n\n${rule}\nResult:\n - 0 completed jobs\n - 1 failure\n${rule}\n`;
}

describe("a failure", () => {
  it("names an empty dataset", async () => {
    const root = temporaryFolder();
    const dataset = join(root, "empty");
    mkdirSync(join(dataset, ".thumbs"), { recursive: true });
    writeFileSync(join(dataset, ".thumbs", "a.png"), "not looked at");
    const job = writeJob({ root, dataset });

    const ending = await runTrainer([job.configPath]);

    expect(ending.code).toBe(1);
    expect(ending.stdout.endsWith(resultBlock(`no images found in ${dataset}`))).toBe(true);
    expect(ending.stderr).toContain("Traceback (most recent call last):");
    expect(readTruth(job.output).at(-1)).toEqual({ t: "end", how: "error" });
  });

  it("names a missing dataset folder", async () => {
    const root = temporaryFolder();
    const job = writeJob({ root, dataset: "/nowhere/at/all" });

    const ending = await runTrainer([job.configPath]);

    expect(ending.code).toBe(1);
    const message = "[Errno 2] No such file or directory: '/nowhere/at/all'";
    expect(ending.stdout.endsWith(resultBlock(message))).toBe(true);
    expect(ending.stderr).toContain(`FileNotFoundError: ${message}`);
  });

  it("of one image does not end the job", async () => {
    const root = temporaryFolder();
    const dataset = writeDataset(join(root, "data"));
    writeFileSync(join(dataset, "broken.JPG"), "this is no picture");
    const job = writeJob({ root, dataset, steps: 2 });

    const ending = await runTrainer([job.configPath]);

    expect(ending.code).toBe(0);
    expect(ending.stdout).toContain(`Error processing image: ${join(dataset, "broken.JPG")}\n`);
    expect(ending.stdout).toContain("  -  Found 4 images\n");
  });

  it("of the only image is what the log reader names, in each stream", async () => {
    const root = temporaryFolder();
    const dataset = join(root, "data");
    mkdirSync(dataset);
    writeFileSync(join(dataset, "broken.jpg"), "this is no picture");
    const job = writeJob({ root, dataset });

    const { code, stdout, stderr } = await runTrainer([job.configPath]);

    expect(code).toBe(1);
    for (const text of [stdout, stderr, stderr + stdout]) {
      expect.soft(analyzeLog(text, { tool: "ai-toolkit", exit: { exitCode: 1 } })).toMatchObject({
        outcome: "failed",
        category: "dataset_corrupt",
      });
    }
  });
});

describe("a learning rate 10,000 times too high", () => {
  it("gives NaN, shown and logged as 0, and goes on to the end", async () => {
    const root = temporaryFolder();
    const job = writeJob({ root, dataset: writeDataset(join(root, "data")), steps: 10, lr: 1 });

    const ending = await runTrainer([job.configPath]);

    const nanSteps = losses(job.output).filter((loss) => loss === "NaN").length;
    expect(ending.code).toBe(0);
    expect(nanSteps).toBeGreaterThan(5);
    expect(ending.stdout.match(/^loss is nan$/gm)).toHaveLength(nanSteps);
    expect(ending.stderr).toContain("lr: 1.0e+00 loss: 0.000e+00");
    expect(losses(job.output).at(-1)).toBe("NaN");
    const database = new DatabaseSync(join(job.output, "loss_log.db"), { readOnly: true });
    const last = database.prepare("SELECT value_real FROM metrics WHERE step = 9 AND key = ?");
    expect(last.get("loss/loss")).toEqual({ value_real: 0 });
    database.close();
  });
});

function loggedSteps(output: string): unknown[] {
  const database = new DatabaseSync(join(output, "loss_log.db"), { readOnly: true });
  const rows = database.prepare("SELECT step FROM steps ORDER BY step").all();
  database.close();
  return rows.map(({ step }) => step);
}

describe("SIGINT", () => {
  it("ends at once with exit code 0 and saves nothing; a restart continues from the last checkpoint", async () => {
    const root = temporaryFolder();
    const dataset = writeDataset(join(root, "data"));
    const job = writeJob({ root, dataset, steps: 60, saveEvery: 20 });
    const slow = { TRAINYARD_TINY_STEP_DELAY_MS: "20" };
    const { child, ended } = startTrainer([job.configPath], slow);
    await until(() => losses(job.output).length > 25);

    const askedAtMs = performance.now();
    child.kill("SIGINT");
    const ending = await ended;

    expect(performance.now() - askedAtMs).toBeLessThan(1000);
    expect(ending).toMatchObject({ code: 0, signal: null });
    expect(ending.stdout.endsWith(`\n${rule}\nJob stopped\n${rule}\n`)).toBe(true);
    const stopped = readTruth(job.output);
    expect(loggedSteps(job.output)).toEqual(
      stopped.filter(({ t }) => t === "step").map(({ step }) => step),
    );
    expect(stopped.at(-1)).toEqual({ t: "end", how: "sigint" });
    expect(stopped.filter(({ t }) => t === "save").map(({ step }) => step)).toEqual([20]);

    const resumed = await runTrainer([job.configPath]);

    const checkpoint = `${job.output}/toy_000000020.safetensors`;
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toContain(
      `#### IMPORTANT RESUMING FROM ${checkpoint} ####\nLoading from ${checkpoint}\nFound step 20 in metadata, starting from there\nLoading optimizer state from ${job.output}/optimizer.pt\nUpdating optimizer LR from params\n`,
    );
    expect(resumed.stderr).toContain("\rtoy:  33%|███▎      | 20/60 [00:00<?, ?it/s]");
    const facts = readTruth(job.output).slice(stopped.length);
    expect(facts[0]).toMatchObject({ t: "start", start_step: 20 });
    expect(facts.filter(({ t }) => t === "step").map(({ step }) => step)).toEqual(
      Array.from({ length: 40 }, (_, index) => 20 + index),
    );
    expect(facts.at(-1)).toEqual({ t: "end", how: "completed" });
    const database = new DatabaseSync(join(job.output, "loss_log.db"), { readOnly: true });
    const rows = database.prepare("SELECT count(*) AS n FROM steps").get();
    database.close();
    expect(rows).toEqual({ n: 60 });
  });
});

/** The steps that were saved, in order. */
const saves = (output: string) =>
  readTruth(output)
    .filter(({ t }) => t === "save")
    .map(({ step, final }) => [step, final]);

describe("a request in the job's table", () => {
  it("for a checkpoint saves behind the step in AI Toolkit's words and goes on; the checkpoint is resumed from", async () => {
    const job = requestedJob({ steps: 60 });
    const { child, ended } = startTrainer([job.configPath], slowly(20));
    await until(() => losses(job.output).length > 10);

    expect(job.ask("save")).toBe(true);
    await until(() => saves(job.output).length > 0);
    await until(() => losses(job.output).length > 20);
    child.kill("SIGINT");
    const ending = await ended;

    const step = readTruth(job.output).find(({ t }) => t === "save")?.step ?? Number.NaN;
    const facts = readTruth(job.output).map((fact) => fact.t);
    expect(step).toBe(facts.slice(0, facts.indexOf("save")).filter((t) => t === "step").length);
    const path = `${job.output}/toy_${String(step).padStart(9, "0")}.safetensors`;
    expect(ending.stdout).toContain(
      `\n\nSaving at step ${step}\nSaved checkpoint to ${path}\nSaved optimizer to ${job.output}/optimizer.pt\n`,
    );
    expect(job.row()).toMatchObject({ status: "stopped", info: "Job stopped", save_now: 0 });

    const resumed = await runTrainer([job.configPath]);

    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toContain(`Found step ${step} in metadata, starting from there\n`);
    expect(resumed.stdout).not.toContain("Failed to load optimizer");
  });

  it("for a checkpoint prunes as every save does", async () => {
    const job = requestedJob({ steps: 100 });
    const { child, ended } = startTrainer([job.configPath], slowly(10));
    for (let save = 1; save <= 3; save += 1) {
      const steps = losses(job.output).length;
      await until(() => losses(job.output).length > steps + 2);
      job.ask("save");
      await until(() => saves(job.output).length === save);
    }
    child.kill("SIGINT");

    expect((await ended).stdout.match(/^Removing old save: /gm)).toHaveLength(1);
  });

  it("for pictures draws them at the step it stands at", async () => {
    const job = requestedJob({ steps: 60 });
    const { child, ended } = startTrainer([job.configPath], slowly(20));
    const drawn = () => readTruth(job.output).filter(({ t }) => t === "sample");
    await until(() => losses(job.output).length > 5);
    const before = drawn().length;

    job.ask("sample");
    await until(() => drawn().length > before);
    child.kill("SIGINT");

    const step = drawn().at(-1)?.step ?? 0;
    expect(step).toBeGreaterThan(0);
    expect((await ended).stdout).toContain(`\nSampling at step ${step}\n`);
  });

  it("to stop is obeyed behind the step, and looks like a failure, as with AI Toolkit", async () => {
    const job = requestedJob({ steps: 60 });
    const { ended } = startTrainer([job.configPath], slowly(20));
    await until(() => losses(job.output).length > 5);

    job.ask("stop");
    const ending = await ended;

    expect(ending).toMatchObject({ code: 1, signal: null });
    expect(ending.stdout.endsWith(resultBlock("Job stopped"))).toBe(true);
    expect(ending.stderr).toContain("\nException: Job stopped\n");
    expect(readTruth(job.output).at(-1)).toEqual({ t: "end", how: "asked" });
    expect(loggedSteps(job.output)).toHaveLength(losses(job.output).length);
    expect(saves(job.output)).toEqual([]);
    expect(job.row()).toMatchObject({ status: "stopped", info: "Job stopped" });
    expect(job.ask("save")).toBe(false);
  });

  it("has nobody who would hear it before the process is there and after its end", async () => {
    const job = requestedJob({ steps: 3 });
    expect(job.ask("save")).toBe(false);

    expect((await startTrainer([job.configPath], slowly(0)).ended).code).toBe(0);

    expect(job.row()).toMatchObject({ status: "completed", info: "Training completed", step: 3 });
    expect(job.ask("save")).toBe(false);
    expect(saves(job.output)).toEqual([[3, true]]);
  });
});

function requestedJob(options: { readonly steps: number }) {
  const root = temporaryFolder();
  const table = join(root, "job.db");
  const job = writeJob({ root, dataset: writeDataset(join(root, "data")), table, ...options });
  createJobTable(table, "job_x");
  const training = { jobTable: { path: table, requests: ["save", "sample", "stop"] } };
  return {
    ...job,
    ask: (what: TrainerRequest) => jobTableControl.ask(what, { training } as never),
    row() {
      const database = new DatabaseSync(table, { readOnly: true });
      const row = database.prepare("SELECT * FROM Job").get();
      database.close();
      return row;
    },
  };
}

const slowly = (delayMs: number) => ({
  AITK_JOB_ID: "job_x",
  TRAINYARD_TINY_STEP_DELAY_MS: String(delayMs),
});

describe("a restart", () => {
  it("passes over a truncated checkpoint, and does not train a finished job again", async () => {
    const root = temporaryFolder();
    const dataset = writeDataset(join(root, "data"));
    const job = writeJob({ root, dataset, steps: 12, saveEvery: 5 });
    await runTrainer([job.configPath]);
    const before = readTruth(job.output).length;

    const finished = await runTrainer([job.configPath]);

    expect(finished.code).toBe(0);
    const facts = readTruth(job.output).slice(before);
    expect(facts.map(({ t }) => t)).toEqual(["start", "save", "sample", "end"]);
    expect(facts[1]).toMatchObject({ step: 12, final: true });

    const final = `${job.output}/toy.safetensors`;
    truncateSync(final, readFileSync(final).length - 4);
    const after = await runTrainer([job.configPath]);

    expect(after.stdout).toContain(`Skipping invalid checkpoint ${final}: it is cut off\n`);
    expect(after.stdout).toContain("Found step 10 in metadata");
    expect(after.stdout).toContain(
      `Failed to load optimizer state from ${job.output}/optimizer.pt\nit was saved at step 12, the weights at 10\n`,
    );
    expect(readTruth(job.output).at(-1)).toEqual({ t: "end", how: "completed" });
  });
});
