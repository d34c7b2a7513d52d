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
    ...["lo", "loss", "samples", "optimizer", "pid", "README"].map(
      (name): [string, (process: Record<string, any>, document: Document) => void] => [
        "JOB_NAME_BREAKS_RESUME",
        (_p, d) => (d.config.name = name),
      ],
    ),
    ["UNKNOWN_JOB_TYPE", (_p, d) => (d["job"] = "generate")],
    ["UNKNOWN_PROCESS_TYPE", (p) => (p.type = "difusion_trainer")],
    ["UNKNOWN_PROCESS_TYPE", (p) => (p.type = "Qwen3VLCaptioner")],
    ["SEVERAL_PROCESSES", (p, d) => d.config.process.push(p)],
    [
      "ACCUMULATION_CONFLICT",
      (p) => {
        p.train.gradient_accumulation = 2;
        p.train.gradient_accumulation_steps = 4;
      },
    ],
    ["PRESERVATION_NEEDS_TRIGGER", (p) => (p.train.diff_output_preservation = true)],
    [
      "PRESERVATION_CONFLICT",
      (p) => {
        p.trigger_word = "zxq";
        p.train.diff_output_preservation = true;
        p.train.blank_prompt_preservation = true;
      },
    ],
    ["GUIDANCE_CONFLICT", (p) => (p.train.do_guidance_loss = true)],
    [
      "RECOVERY_CONFLICT",
      (p) => {
        p.model.qtype = "uint3|a/b.safetensors";
        p.model.assistant_lora_path = "a/b";
      },
    ],
    [
      "TEXT_ENCODER_NEEDED",
      (p) => {
        p.model = { name_or_path: "Qwen/Qwen-Image-Edit", arch: "qwen_image_edit" };
        p.train.unload_text_encoder = true;
      },
    ],
    [
      "TEXT_CACHING_MIXED",
      (p) => {
        p.datasets[0].cache_text_embeddings = true;
        p.datasets.push({ folder_path: "b" });
      },
    ],
    ["UNKNOWN_OPTIMIZER", (p) => (p.train.optimizer = "adamw9bit")],
    ["UNKNOWN_SAMPLER", (p) => (p.sample.sampler = "flowmatc")],
    ["UNKNOWN_SAMPLER", (p) => (p.train.noise_scheduler = 3)],
    ["SAVE_FORMAT_INVALID", (p) => (p.save.save_format = "ckpt")],
    ["SETTING_REMOVED", (p) => (p.datasets[0].poi = "face")],
    ["INVALID_SWITCH", (p) => (p.model.quantize = "no")],
    ["INVALID_SWITCH", (p) => (p.train.ema_config.use_ema = "off")],
    ["NOT_A_NUMBER", (p) => (p.train.max_grad_norm = Infinity)],
    ["UNSAFE_MODEL_FORMAT", (p) => (p.adapter = { name_or_path: "x.pt" })],
    ["PATH_ESCAPE", (p) => (p.datasets[0].mask_path = "../masks")],
    [
      "MODEL_ARCH_MISMATCH",
      (p) => {
        p.model = { name_or_path: "Qwen/Qwen-Image-Edit", arch: "qwen_image", low_vram: true };
      },
    ],
    ["MODEL_ARCH_MISMATCH", (p) => (p.model = { name_or_path: "Tongyi-MAI/Z-Image" })],
  ])("[B14] [B16] [B17] [B21] [B23] [B24] %s is an error", (code, change) => {
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
    ["UNKNOWN_KEY", (p) => (p.sample.samples = [{ prompt: "a", promt: "b" }])],
    ["UNKNOWN_KEY", (p) => (p.train.ema_config.decay = 1)],
    ["LEGACY_PROCESS_TYPE", (p) => (p.type = "ui_trainer")],
    ["PROMPT_CUT", (p) => (p.sample.samples = [{ prompt: "a cat -- sitting" }])],
    ["PROMPT_CUT", (p) => (p.sample.samples = [{ prompt: "a cat --ar 16:9" }])],
    ["FOLDER_INSIDE_DATASET", (p) => (p.datasets[0].mask_path = "/ai-toolkit/datasets/cats/masks")],
    [
      "CONTROL_PATH_MISSING",
      (p) => {
        p.model = { name_or_path: "Qwen/Qwen-Image-Edit", arch: "qwen_image_edit" };
      },
    ],
    ["MODEL_ARCH_UNEXPECTED", (p) => (p.model = { name_or_path: "my-wan2.1-mix", arch: "ltx2" })],
    ["MISSING_JOB_NAME", (_p, d) => delete (d.config as Partial<Document["config"]>).name],
  ])("[B22] %s is a warning", (code, change) => {
    const { valid, warnings } = validateDocument(changed(change));

    expect(warnings.map((finding) => finding.code)).toEqual([code]);
    expect(valid).toBe(true);
  });

  it("[B22] names the key that was meant, also where an older tool had another", () => {
    const fix = (change: (process: Record<string, any>) => void) =>
      validateDocument(changed(change)).warnings.map((finding) => [finding.field, finding.fix]);

    expect(fix((p) => (p.train.step = 5))).toEqual([
      ["config.process[0].train.step", "Did you mean `steps`?"],
    ]);
    expect(fix((p) => (p.train.learning_rate = 5))).toEqual([
      ["config.process[0].train.learning_rate", "Did you mean `lr`?"],
    ]);
    expect(fix((p) => (p.train.text_encoder_lr = 1e-5))).toEqual([]);
    expect(nearestKey("train", "zzzzzzzz")).toBeNull();
  });

  it("looks at every process and every dataset", () => {
    const document = changed((p, d) => {
      p.datasets.push({ folder_path: "datasets/b", resolution: [0] });
      d.config.process.push({ ...p, train: { batch_size: 1, lr: 1e-4 } });
    });

    expect(validateDocument(document).errors.map(({ code, field }) => [code, field])).toEqual([
      ["SEVERAL_PROCESSES", "config.process"],
      ["INVALID_RESOLUTION", "config.process[0].datasets[1].resolution"],
      ["INVALID_RESOLUTION", "config.process[1].datasets[1].resolution"],
      ["MISSING_STEPS", "config.process[1].train.steps"],
    ]);
  });

  it("leaves keys that the agent sets alone, and the tiny trainer's own sizes", () => {
    expect(
      codes(changed((p) => Object.assign(p, { sqlite_db_path: "./x.db", device: "cuda:1" }))),
    ).toEqual([]);
    expect(
      codes(documentOf({ model_name: "tiny", resolution: 64, steps: 20, learning_rate: 0.05 })),
    ).toEqual([]);
  });

  it("takes the prompt's own flags, meta of any kind, and what only sounds like a conflict", () => {
    expect(
      codes(
        changed((p, d) => {
          d.meta["creator"] = "me";
          p.sample.samples = [{ prompt: "a cat --w 768 --h 512 --n blurry, bad --seed 3" }];
          p.train.gradient_accumulation = 1;
          p.train.gradient_accumulation_steps = 4;
          p.train.cache_text_embeddings = true;
          p.datasets[0].cache_text_embeddings = true;
          p.datasets.push({ folder_path: "b", resolution: [1024], mask_path: "catsmasks" });
          p.sample.sampler = "k_euler";
          p.train.optimizer = "AdamW8bit";
        }),
      ),
    ).toEqual([]);
  });

  it("wants a GPU for 8-bit optimizers only where the box said that it has none", () => {
    const code = (optimizer: string, cuda?: boolean) =>
      validateDocument(
        changed((p) => (p.train.optimizer = optimizer)),
        { cuda },
      ).errors.map(({ code }) => code);

    expect(code("adamw8bit", false)).toEqual(["OPTIMIZER_NEEDS_CUDA"]);
    expect([code("adamw8bit", true), code("adamw8bit"), code("adamw8", false)]).toEqual([
      [],
      [],
      [],
    ]);
  });

  it("knows when a control or mask folder is not on the box", () => {
    const document = changed((p) => Object.assign(p.datasets[0], { control_path: ["a", "b"] }));
    const companions = [
      { dataset: "datasets/cats", folder: "a", exists: true, unpaired: 0 },
      { dataset: "datasets/cats", folder: "b", exists: false, unpaired: 0 },
    ];

    expect(
      validateDocument(document, { datasets: { "datasets/cats": facts }, companions }).errors,
    ).toMatchObject([
      {
        code: "CONTROL_PATH_NOT_FOUND",
        field: "config.process[0].datasets[0].control_path",
        value: "b",
      },
    ]);
  });

  it("lets an adapter or an embedding train without a network", () => {
    expect(
      codes(
        changed((p) => {
          delete p.network;
          p.embedding = { trigger: "zxq" };
        }),
      ),
    ).toEqual([]);
  });

  it("takes prodigy's rate of 1 for what it is", () => {
    expect(codes(changed((p) => Object.assign(p.train, { optimizer: "prodigy", lr: 1 })))).toEqual(
      [],
    );
  });

  it("[B20] refuses prototype keys and endless depth, and the prototype stays intact", () => {
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
