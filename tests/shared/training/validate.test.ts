import { describe, expect, it } from "vitest";
import { toAiToolkitDocument } from "../../../shared/training/write-ai-toolkit-document.ts";
import { nearestKey } from "../../../shared/training/document-keys.ts";
import {
  type TrainingConfigArguments,
  trainingConfigFromArguments,
} from "../../../shared/training/training-config.ts";
import { validateDocument } from "../../../shared/training/validate.ts";
import type { DatasetFacts } from "../../../shared/training/finding.ts";

type Document = {
  config: { name: string; process: Record<string, any>[] };
  meta: Record<string, unknown>;
  [key: string]: unknown;
};

function documentOf(args: Partial<TrainingConfigArguments> = {}): Document {
  const config = trainingConfigFromArguments({
    name: "my-lora",
    model_name: "ostris/Flex.1-alpha",
    dataset_path: "cats",
    resolution: 1024,
    ...args,
  });
  return JSON.parse(JSON.stringify(toAiToolkitDocument(config))) as Document;
}

function changed(change: (process: Record<string, any>, document: Document) => void): Document {
  const document = documentOf();
  change(document.config.process[0]!, document);
  return document;
}

const codes = (document: unknown): string[] => {
  const { errors, warnings } = validateDocument(document);
  return [...errors, ...warnings].map(({ code }) => code);
};

const facts: DatasetFacts = {
  exists: true,
  isDirectory: true,
  images: 20,
  scanned: 20,
  captionCoveragePct: 100,
  duplicates: 0,
  corrupt: 0,
};

describe("validateDocument", () => {
  it("finds nothing in what we write", () => {
    expect(codes(documentOf())).toEqual([]);
  });

  it("accepts the seeds' own example", () => {
    const { valid, normalized } = validateDocument({
      config: {
        name: "raw-check",
        process: [
          {
            model: { name_or_path: "ostris/Flex.1-alpha", arch: "flex1", low_vram: true },
            datasets: [{ folder_path: "/ai-toolkit/datasets/my-dataset", resolution: [1024] }],
            train: { batch_size: 1, steps: 1500, lr: 0.0002 },
            network: { linear: 16, linear_alpha: 16 },
          },
        ],
      },
    });

    expect(valid).toBe(true);
    expect(normalized).toEqual({
      jobName: "raw-check",
      trainer: "ai-toolkit",
      model: {
        nameOrPath: "ostris/Flex.1-alpha",
        arch: "flex1",
        isFluxModel: true,
        isFluxArch: true,
        lowVram: true,
      },
      dataset: {
        path: "/ai-toolkit/datasets/my-dataset",
        paths: ["/ai-toolkit/datasets/my-dataset"],
      },
      train: {
        resolution: [1024],
        batchSize: 1,
        steps: 1500,
        learningRate: 0.0002,
        rank: 16,
        alpha: 16,
      },
      sample: { promptCount: 0, triggerWord: null },
    });
  });

  it.each<[unknown, string]>([
    [null, "INVALID_CONFIG_TYPE"],
    ["text", "INVALID_CONFIG_TYPE"],
    [[], "INVALID_CONFIG_TYPE"],
    [{}, "INVALID_CONFIG_ROOT"],
    [{ config: 3 }, "INVALID_CONFIG_ROOT"],
    [{ config: {} }, "MISSING_PROCESS"],
    [{ config: { process: [] } }, "MISSING_PROCESS"],
    [{ config: { process: ["x"] } }, "MISSING_PROCESS"],
  ])("%j ends early with %s", (document, code) => {
    expect(codes(document)).toEqual([code]);
    expect(validateDocument(document).normalized).toBeNull();
  });

  it.each<[string, (process: Record<string, any>, document: Document) => void]>([
    ["MISSING_MODEL_NAME", (p) => delete p.model],
    ["INVALID_MODEL_REF", (p) => (p.model.name_or_path = "\\\\host\\flex")],
    ["INVALID_MODEL_REF", (p) => (p.model.name_or_path = "file:///flex")],
    ["INVALID_MODEL_REF", (p) => (p.model.name_or_path = "../flex")],
    ["UNSAFE_MODEL_FORMAT", (p) => (p.model.name_or_path = "flex.ckpt")],
    ["UNSAFE_MODEL_FORMAT", (p) => (p.model.vae_path = "/m/vae.PT")],
    ["UNSAFE_MODEL_FORMAT", (p) => (p.network.pretrained_lora_path = "x.bin")],
    ["FLUX_MODEL_FILE_NOT_ALLOWED", (p) => (p.model.name_or_path = "flex1.safetensors")],
    ["MODEL_ARCH_MISMATCH", (p) => (p.model.arch = "sd15")],
    ["MODEL_ARCH_MISMATCH", (p) => delete p.model.arch],
    [
      "MODEL_ARCH_MISMATCH",
      (p) =>
        Object.assign(p.model, {
          name_or_path: "stabilityai/stable-diffusion-xl-base-1.0",
          arch: "sd15",
        }),
    ],
    ["MISSING_DATASET_PATH", (p) => delete p.datasets],
    ["MISSING_DATASET_PATH", (p) => p.datasets.push({})],
    ["PATH_ESCAPE", (p) => (p.datasets[0].folder_path = "../x")],
    ["MISSING_BATCH_SIZE", (p) => delete p.train.batch_size],
    ["INVALID_BATCH_SIZE", (p) => (p.train.batch_size = 0)],
    ["MISSING_STEPS", (p) => delete p.train.steps],
    ["INVALID_STEPS", (p) => (p.train.steps = 1e12)],
    ["INVALID_STEPS", (p) => (p.train.steps = -1)],
    ["INVALID_STEPS", (p) => (p.train.steps = Number.NaN)],
    ["INVALID_STEPS", (p) => (p.train.steps = "1000")],
    ["INVALID_STEPS", (p) => (p.train.steps = 1.5)],
    ["MISSING_LEARNING_RATE", (p) => delete p.train.lr],
    ["INVALID_LEARNING_RATE", (p) => (p.train.lr = "1e-4")],
    ["INVALID_LEARNING_RATE", (p) => (p.train.lr = 0)],
    ["MISSING_RANK", (p) => delete p.network],
    ["INVALID_RANK", (p) => (p.network.linear = 0)],
    ["INVALID_ALPHA", (p) => (p.network.linear_alpha = 0)],
    ["INVALID_RESOLUTION", (p) => (p.datasets[0].resolution = ["512"])],
    ["INVALID_RESOLUTION", (p) => (p.datasets[0].resolution = [])],
    ["POLICY_DENIED", (p) => (p.save.push_to_hub = true)],
    ["PLACEHOLDER_REFUSED", (p) => (p.trigger_word = "${HF_TOKEN}")],
    ["PLACEHOLDER_REFUSED", (p) => (p.sample.samples = [{ prompt: "a [name] photo" }])],
    ["PLACEHOLDER_REFUSED", (_p, d) => (d.meta.version = "[name]")],
    ["PLACEHOLDER_REFUSED", (_p, d) => (d.meta.name = "${HOME}")],
    ["CONTROL_CHARACTERS", (p) => (p.trigger_word = "a\u0000b")],
    ["JOB_NAME_BREAKS_RESUME", (_p, d) => (d.config.name = "config")],
    ["JOB_NAME_BREAKS_RESUME", (_p, d) => (d.config.name = "log")],
    ["JOB_NAME_BREAKS_RESUME", (_p, d) => (d.config.name = "a*")],
    ["INVALID_NAME", (_p, d) => (d.config.name = 'a"b')],
    ["NAME_TOO_LONG", (_p, d) => (d.config.name = "x".repeat(65))],
  ])("%s is an error", (code, change) => {
    const { valid, errors } = validateDocument(changed(change));

    expect(errors.map((finding) => finding.code)).toContain(code);
    expect(valid).toBe(false);
    for (const finding of errors) expect(finding.fix).toBeTruthy();
  });

  it.each<[string, (process: Record<string, any>, document: Document) => void]>([
    ["BATCH_SIZE_HIGH", (p) => (p.train.batch_size = 9)],
    ["STEPS_LOW", (p) => (p.train.steps = 99)],
    ["STEPS_HIGH", (p) => (p.train.steps = 20_001)],
    ["LEARNING_RATE_OUT_OF_RANGE", (p) => (p.train.lr = 1e-7)],
    ["LEARNING_RATE_HIGH", (p) => (p.train.lr = 2e-3)],
    ["RANK_HIGH", (p) => (p.network.linear = 257)],
    ["ALPHA_HIGH_VS_RANK", (p) => (p.network.linear_alpha = 33)],
    ["RESOLUTION_LOW", (p) => (p.datasets[0].resolution = [128, 1024])],
    ["RESOLUTION_HIGH", (p) => (p.datasets[0].resolution = 4096)],
    ["FLUX_RESOLUTION_LOW", (p) => (p.datasets[0].resolution = [512])],
    [
      "MODEL_ARCH_UNEXPECTED",
      (p) => Object.assign(p.model, { name_or_path: "a/b", arch: "sdxxl" }),
    ],
    [
      "MODEL_ARCH_UNEXPECTED",
      (p) => Object.assign(p.model, { name_or_path: "a/mix", arch: "sd15" }),
    ],
    ["LOW_VRAM_DISABLED_FOR_FLUX", (p) => (p.model.low_vram = false)],
    [
      "PROMPTS_MISSING_TRIGGER",
      (p) => Object.assign(p, { trigger_word: "zxq", sample: { prompts: ["a cat"] } }),
    ],
    ["UNKNOWN_KEY", (p) => (p.evil = 1)],
    ["MISSING_JOB_NAME", (_p, d) => delete (d.config as Partial<Document["config"]>).name],
  ])("%s is a warning", (code, change) => {
    const { valid, warnings } = validateDocument(changed(change));

    expect(warnings.map((finding) => finding.code)).toEqual([code]);
    expect(valid).toBe(true);
  });

  it("names the key that was meant", () => {
    const { warnings } = validateDocument(changed((p) => (p.train.step = 5)));

    expect(warnings).toMatchObject([
      { code: "UNKNOWN_KEY", field: "config.process[0].train.step", fix: "Did you mean `steps`?" },
    ]);
    expect(nearestKey("zzzzzzzz", new Set(["steps"]))).toBeNull();
  });

  it("looks at every process and every dataset", () => {
    const document = changed((p, d) => {
      p.datasets.push({ folder_path: "datasets/b", resolution: [0] });
      d.config.process.push({ ...p, train: { batch_size: 1, lr: 1e-4 } });
    });

    expect(validateDocument(document).errors.map(({ code, field }) => [code, field])).toEqual([
      ["INVALID_RESOLUTION", "config.process[0].datasets[1].resolution"],
      ["INVALID_RESOLUTION", "config.process[1].datasets[1].resolution"],
      ["MISSING_STEPS", "config.process[1].train.steps"],
    ]);
  });

  it("leaves keys that the agent sets alone, and the tiny trainer's own sizes", () => {
    expect(
      codes(changed((p) => Object.assign(p, { sqlite_db_path: "./x.db", type: "ui_trainer" }))),
    ).toEqual([]);
    expect(
      codes(documentOf({ model_name: "tiny", resolution: 64, steps: 20, learning_rate: 0.05 })),
    ).toEqual([]);
  });

  it("takes prodigy's rate of 1 for what it is", () => {
    expect(codes(changed((p) => Object.assign(p.train, { optimizer: "prodigy", lr: 1 })))).toEqual(
      [],
    );
  });

  it("refuses prototype keys and endless depth, and the prototype stays intact", () => {
    const polluted: unknown = JSON.parse(
      '{"config":{"process":[{"__proto__":{"polluted":1},"constructor":{}}]}}',
    );
    let deep: unknown = "x";
    for (let level = 0; level < 10_000; level++) deep = { a: deep };

    expect(codes(polluted).filter((code) => code === "UNKNOWN_KEY").length).toBeGreaterThanOrEqual(
      2,
    );
    expect(validateDocument(polluted).valid).toBe(false);
    expect(codes({ config: { process: [deep] } })).toContain("JSON_TOO_DEEP");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each<[string, Partial<DatasetFacts>, boolean]>([
    ["DATASET_PATH_NOT_FOUND", { exists: false }, false],
    ["DATASET_PATH_NOT_DIRECTORY", { isDirectory: false }, false],
    ["DATASET_EMPTY", { images: 0 }, false],
    ["DATASET_CORRUPT_IMAGES", { corrupt: 2 }, false],
    ["DATASET_LOW_CAPTION_COVERAGE", { captionCoveragePct: 79 }, true],
    ["DATASET_DUPLICATES_DETECTED", { duplicates: 1 }, true],
  ])("%s comes from the box's facts", (code, found, valid) => {
    const result = validateDocument(documentOf(), {
      datasets: { "datasets/cats": { ...facts, ...found } },
    });

    expect([...result.errors, ...result.warnings].map((finding) => finding.code)).toEqual([code]);
    expect(result.valid).toBe(valid);
  });

  it("judges the model by the box's facts", () => {
    const { errors, warnings } = validateDocument(documentOf(), {
      model: { resolved: false, directoryValid: false },
    });

    expect([errors, warnings].map((list) => list.map(({ code }) => code))).toEqual([
      ["FLUX_MODEL_DIR_INVALID"],
      ["MODEL_PATH_UNRESOLVED"],
    ]);
  });
});
