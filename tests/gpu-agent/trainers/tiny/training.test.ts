import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeAll, describe, expect, it } from "vitest";
import { readTensorFile } from "../../../../gpu-agent/trainers/tiny/safetensors.ts";
import {
  losses,
  readTruth,
  runTrainer,
  temporaryFolder,
  writeDataset,
  writeJob,
  type Ending,
} from "./tiny-run.ts";

const root = temporaryFolder();
const shapes = writeDataset(join(root, "shapes"));
const job = writeJob({ name: "first", root, dataset: shapes, sampleEvery: 60 });
const again = writeJob({ name: "again", root, dataset: shapes, steps: 20 });
const other = writeJob({
  name: "other",
  root,
  dataset: writeDataset(join(root, "others"), 1),
  steps: 20,
});
let ending: Ending;

beforeAll(async () => {
  ending = await runTrainer([job.configPath]);
  await runTrainer([again.configPath]);
  await runTrainer([other.configPath]);
});

const mean = (values: readonly (number | "NaN")[]): number =>
  values.reduce<number>((sum, value) => sum + Number(value), 0) / values.length;

describe("a training", () => {
  it("completes", () => {
    expect(ending).toMatchObject({ code: 0, signal: null });
    expect(readTruth(job.output).at(-1)).toEqual({ t: "end", how: "completed" });
    expect(readdirSync(job.output).sort()).toEqual([
      "config.yaml",
      "first.safetensors",
      "first_000000050.safetensors",
      "first_000000100.safetensors",
      "loss_log.db",
      "optimizer.pt",
      "samples",
      "truth.jsonl",
    ]);
  });

  it("learns: the loss falls by more than half", () => {
    const curve = losses(job.output);

    expect(curve).toHaveLength(120);
    expect(mean(curve.slice(-10))).toBeLessThan(mean(curve.slice(0, 10)) / 2);
  });

  it("gives the same curve for the same images and another one for others", () => {
    const firstSteps = losses(job.output).slice(0, 20);

    expect(losses(again.output)).toEqual(firstSteps);
    expect(losses(other.output)).not.toEqual(firstSteps);
  });

  it("gives other weights for other images", () => {
    const weights = (output: string, name: string) =>
      readTensorFile(join(output, `${name}.safetensors`)).tensors.get("tiny.layers.1.lora_B.weight")
        ?.data;

    expect(weights(again.output, "again")).toHaveLength(128 * 32);
    expect(weights(again.output, "again")).not.toEqual(weights(other.output, "other"));
  });

  it("says what it is before anything else", () => {
    expect(ending.stdout).toMatch(
      /^Trainyard tiny trainer [\d.]+: conditional image reconstruction with low-rank adapters on the CPU \(not diffusion\)\nRunning 1 job\n\{\n {4}"type"/,
    );
  });

  it("prints the lines of AI Toolkit", () => {
    const lines = ending.stdout.split("\n");

    expect(lines.filter((line) => /^(Saving|Saved|#|Dataset|Generating)/.test(line))).toEqual([
      "#".repeat(45),
      "# Running job: first",
      "#".repeat(45),
      `Dataset: ${shapes}`,
      "Generating baseline samples before training",
      "Saving at step 50",
      `Saved checkpoint to ${job.output}/first_000000050.safetensors`,
      `Saved optimizer to ${job.output}/optimizer.pt`,
      "Saving at step 100",
      `Saved checkpoint to ${job.output}/first_000000100.safetensors`,
      `Saved optimizer to ${job.output}/optimizer.pt`,
      `Saved checkpoint to ${job.output}/first.safetensors`,
      `Saved optimizer to ${job.output}/optimizer.pt`,
    ]);
  });

  it("draws bars that a reader of AI Toolkit's log understands", () => {
    const form =
      /^first: +(\d+)%\|[^|]*\| *(\d+)\/(\d+) \[([\d:]+)<([\d:?]+), +([\d.?]+)(it\/s|s\/it)(?:, (.*))?\]$/;
    const drawn = ending.stderr.split(/[\r\n]/).filter((text) => text.startsWith("first: "));

    expect(drawn.length).toBeGreaterThan(120);
    expect(drawn.filter((text) => !form.test(text.trimEnd()))).toEqual([]);
    expect(ending.stderr).toContain("\n\rGenerating Images: ");
    expect(ending.stderr).toContain("\u001b[A");
  });

  it("names samples by time, loop index and prompt", () => {
    const names = readdirSync(join(job.output, "samples")).filter((name) => name !== ".tmp");

    expect(names.map((name) => name.replace(/^\d{13}/, "")).sort()).toEqual([
      "__000000000_0.png",
      "__000000060_0.png",
      "__000000120_0.png",
    ]);
  });

  it("logs every loss as it was", () => {
    const database = new DatabaseSync(join(job.output, "loss_log.db"), { readOnly: true });
    const rows = database
      .prepare("SELECT value_real FROM metrics WHERE key = 'loss/loss' ORDER BY step")
      .all();
    database.close();

    expect(rows.map((row) => row["value_real"])).toEqual(losses(job.output));
  });

  it("puts steps and its own nature into the adapter's metadata", () => {
    const file = readTensorFile(join(job.output, "first.safetensors"));
    const onTheWay = readTensorFile(join(job.output, "first_000000100.safetensors"));

    expect(file.metadata).toMatchObject({
      training_info: '{"step": 120, "epoch": 30}',
      ss_output_name: "first",
      format: "pt",
    });
    expect(file.metadata["description"]).toContain("not diffusion");
    expect(onTheWay.metadata["training_info"]).toBe('{"step": 100, "epoch": 25}');
  });
});

describe("--render", () => {
  const renderTo = async (name: string, ...more: string[]): Promise<Buffer> => {
    const path = join(root, name);
    const adapter = join(job.output, "first.safetensors");
    const args = ["--render", adapter, "--config", job.configPath, "--prompt-index", "0"];
    const { code, stderr } = await runTrainer([...args, "--out", path, ...more]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return readFileSync(path);
  };

  it("draws the last sample again from the saved adapter alone, and something else without it", async () => {
    const samples = readdirSync(join(job.output, "samples"));
    const last = samples.find((name) => name.endsWith("__000000120_0.png")) ?? "";
    const lastSample = readFileSync(join(job.output, "samples", last));

    expect(await renderTo("again.png")).toEqual(lastSample);
    expect(await renderTo("zero.png", "--zero")).not.toEqual(lastSample);
  });
});
