import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newJobId } from "@trainyard/shared/ids.ts";
import { describe, expect, it } from "vitest";
import { attemptFiles, openHome } from "../../../../gpu-agent/home.ts";
import { toolkitDocument } from "../../../../gpu-agent/trainers/ai-toolkit/toolkit-document.ts";
import { safetensors } from "../../../support/safetensors.ts";
import { temporaryFolder } from "../../support/temporary-home.ts";

/** A box with one dataset, one model folder and one model file. */
function openBox() {
  const home = openHome(temporaryFolder());
  const models = temporaryFolder();
  mkdirSync(join(home.datasets, "dog"));
  writeFileSync(join(home.datasets, "dog", "one.png"), "");
  mkdirSync(join(home.datasets, "dog-control"));
  mkdirSync(join(models, "tiny-sd"), { recursive: true });
  writeFileSync(join(models, "tiny-sd", "model_index.json"), "{}");
  writeFileSync(join(models, "style.safetensors"), safetensors(Buffer.from("x")));
  const jobId = newJobId();
  const prepare = (process: Record<string, unknown>, more: Record<string, unknown> = {}) =>
    toolkitDocument(
      {
        jobId,
        attempt: 1,
        document: { job: "extension", config: { name: "x", process: [process] }, ...more },
        slot: "gpu:0",
        totalSteps: 10,
        home,
        files: attemptFiles(home, jobId, 1),
        outputName: "my-job",
      },
      [models, home.outputs],
    );
  return { home, models, jobId, prepare };
}

const training = (more: Record<string, unknown> = {}) => ({
  type: "diffusion_trainer",
  model: { name_or_path: "tiny-sd", arch: "sd15" },
  network: { type: "lora" },
  datasets: [{ folder_path: "datasets/dog" }],
  ...more,
});

/** The first eight bytes of a model file, and nothing after them. */
function header(bytes: bigint): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(bytes);
  return length;
}

describe("toolkitDocument", () => {
  it("puts this box's folders, the job's own name and its table into the document", async () => {
    const { home, models, jobId, prepare } = openBox();

    const { document, finalFiles, fileStem } = await prepare(
      training({
        datasets: [
          { folder_path: "/ai-toolkit/datasets/dog", control_path: ["dog-control", "dog-control"] },
        ],
        sample: { samples: [{ prompt: "a dog", ctrl_img: "dog/one.png" }] },
        log_dir: "/somewhere",
      }),
    );

    expect(document).toEqual({
      job: "extension",
      config: {
        name: "my-job",
        process: [
          {
            type: "diffusion_trainer",
            training_folder: home.outputs,
            sqlite_db_path: join(home.jobs, jobId, "1", "job.db"),
            log_dir: join(home.outputs, "my-job", "tensorboard"),
            logging: { log_every: 1, use_ui_logger: true },
            model: { name_or_path: join(models, "tiny-sd"), arch: "sd15" },
            network: { type: "lora" },
            datasets: [
              {
                folder_path: join(home.datasets, "dog"),
                control_path: [
                  join(home.datasets, "dog-control"),
                  join(home.datasets, "dog-control"),
                ],
              },
            ],
            sample: {
              neg: "",
              samples: [{ prompt: "a dog", ctrl_img: join(home.datasets, "dog", "one.png") }],
            },
          },
        ],
      },
    });
    expect({ finalFiles, fileStem }).toEqual({ finalFiles: [], fileStem: "my-job" });
  });

  it("makes the trainer that answers requests of its two older forms, and of none", async () => {
    const { prepare } = openBox();
    for (const type of ["sd_trainer", "ui_trainer", undefined, null]) {
      expect((await prepare(training({ type }))).process["type"]).toBe("diffusion_trainer");
    }
  });

  it("leaves names of the hub as they are, files of a repository too", async () => {
    const { prepare } = openBox();
    const model = {
      name_or_path: "Tongyi-MAI/Z-Image-Turbo",
      assistant_lora_path: "ostris/zimage_turbo_training_adapter/adapter_v2.safetensors",
      arch: "zimage:turbo",
    };

    expect((await prepare(training({ model }))).process["model"]).toEqual(model);
  });

  it("wants both files of a model of two stages, or the one that is trained", async () => {
    const { prepare } = openBox();
    const wan = (kwargs: object) =>
      prepare(
        training({ model: { name_or_path: "a/b", arch: "wan22_14b:t2v", model_kwargs: kwargs } }),
      );

    expect((await wan({})).finalFiles).toEqual([
      "my-job_high_noise.safetensors",
      "my-job_low_noise.safetensors",
    ]);
    expect((await wan({ train_high_noise: false })).finalFiles).toEqual([
      "my-job_low_noise.safetensors",
    ]);
  });

  it.each([
    ["another kind of process", { type: "Qwen3VLCaptioner" }, "CONFIG_INVALID"],
    ["a missing dataset", { datasets: [{ folder_path: "cat" }] }, "DATASET_NOT_FOUND"],
    [
      "a missing mask folder",
      { datasets: [{ folder_path: "dog", mask_path: "m" }] },
      "DATASET_NOT_FOUND",
    ],
    ["a folder outside", { datasets: [{ folder_path: "/etc" }] }, "INVALID_NAME"],
    ["a model that is nowhere", { model: { name_or_path: "nothing" } }, "MODEL_NOT_FOUND"],
    [
      "[B14] a model outside the roots",
      { model: { name_or_path: "/etc/passwd" } },
      "MODEL_NOT_FOUND",
    ],
    ["a picture outside", { sample: { samples: [{ ctrl_img: "../x.png" }] } }, "PATH_ESCAPE"],
    ["an unknown key with a path", { extra: { cache_dir: "/var/cache" } }, "PATH_ESCAPE"],
    ["an unknown key with a way out", { extra: [{ save_path: "a/../../b" }] }, "PATH_ESCAPE"],
  ])("refuses %s", async (_what, change, code) => {
    const { prepare } = openBox();
    await expect(prepare(training(change))).rejects.toMatchObject({ code });
  });

  it.each<[string, string, Uint8Array, string]>([
    ["whose header claims 2^63 bytes", "x.safetensors", header(2n ** 63n), "MODEL_CORRUPT"],
    [
      "that was cut",
      "x.safetensors",
      safetensors(Buffer.alloc(100)).subarray(0, -1),
      "MODEL_CORRUPT",
    ],
    ["of no bytes", "x.safetensors", Buffer.alloc(0), "MODEL_CORRUPT"],
    ["of another format under no ending", "x.ckpt", Buffer.from("pickle"), "UNSAFE_MODEL_FORMAT"],
    ["of yet another format under no ending", "x.pt", Buffer.from("pickle"), "UNSAFE_MODEL_FORMAT"],
  ])(
    "[B24] [B25] refuses a model file %s before it is loaded",
    async (_what, file, bytes, code) => {
      const { models, prepare } = openBox();
      writeFileSync(join(models, file), bytes);
      for (const [key, name] of [
        ["model", { name_or_path: "x" }],
        ["model", { name_or_path: "tiny-sd", lora_path: join(models, file) }],
        ["network", { pretrained_lora_path: file }],
      ] as const) {
        await expect(prepare(training({ [key]: name }))).rejects.toMatchObject({
          code,
          details: { field: expect.stringMatching(`^${key}\\.`) as string },
        });
      }
    },
  );

  it("takes a whole model file, also one whose ending was left out", async () => {
    const { models, prepare } = openBox();
    const { process } = await prepare(training({ model: { name_or_path: "style" } }));

    expect(process["model"]).toEqual({ name_or_path: join(models, "style.safetensors") });
  });

  it("refuses two processes: they would write the same file", async () => {
    const { prepare } = openBox();
    const config = { name: "x", process: [training(), training()] };
    await expect(prepare(training(), { config })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  it("names the candidates of a model's name that several have", async () => {
    const { models, prepare } = openBox();
    for (const folder of ["a", "b"]) {
      mkdirSync(join(models, folder));
      writeFileSync(join(models, folder, "same.safetensors"), folder);
    }
    await expect(prepare(training({ model: { name_or_path: "same" } }))).rejects.toMatchObject({
      code: "MODEL_NOT_FOUND",
      details: {
        field: "model.name_or_path",
        candidates: expect.arrayContaining([expect.any(String)]),
      },
    });
  });
});
