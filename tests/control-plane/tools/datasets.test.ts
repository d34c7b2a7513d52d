import { describe, expect, it } from "vitest";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";

const seen = {
  corrupt: 2,
  duplicates: 3,
  lowResolution: 4,
  extremeAspect: 1,
  captions: {
    captions: 20,
    tokens: 120,
    vocabulary: 60,
    meanWords: 9.5,
    uniqueRatio: 0.9,
    asciiRatio: 1,
    topTerms: [{ term: "fox", count: 9 }],
  },
};
const facts = (reference: string) => ({
  reference,
  name: reference.split("/").at(-1) ?? reference,
  exists: true,
  isDirectory: true,
  images: 20,
  captioned: 20,
  emptyCaptions: 0,
  totalBytes: 1_000,
  fingerprint: "f".repeat(64),
  scanLimited: false,
});
const analysis = (args: Record<string, unknown>) => ({
  dataset_path: String(args["dataset_path"]),
  config_name: args["config_name"] ?? null,
  scan: { state: "done", scanned: 20, total: 20 },
  findings: [],
  buckets: [],
  analysis: { total_images: 20 },
  observed_at: null,
  connectivity: "live",
});
const config = {
  name: "foxes",
  model_name: "ostris/Flex.1-alpha",
  dataset_path: "foxes",
  trigger_word: "zxq",
  resolution: 768,
};

describe("a tool of the box that takes a saved config", () => {
  it("gets what the config says, where the caller did not say it", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, {
      tool: ({ arguments: args }) => ({ data: analysis(args), text: "ok" }),
    });
    await yard.call("create-training-config", config);

    const { data } = await yard.call("analyze-dataset", { config_name: "foxes" });
    await yard.call("analyze-dataset", { config_name: "foxes", trigger_word: "other" });

    expect(data["config_name"]).toBe("foxes");
    const [first, second] = agent.argsOf("tool").map((call) => call.arguments);
    expect(first).toMatchObject({
      dataset_path: "datasets/foxes",
      trigger_word: "zxq",
      resolution: [768],
      arch: "flex1",
    });
    expect(second).toMatchObject({ trigger_word: "other" });
  });

  it("is not called for a config that is not there", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);

    const { error } = await yard.call("auto-improve-dataset", { config_name: "nothing" });

    expect(error?.code).toBe("CONFIG_NOT_FOUND");
    // The config might lie on the box; the tool itself is not called.
    expect(agent.calls.map(({ operation }) => operation)).toEqual(["read-config", "list-configs"]);
  });

  it("goes as a call that changes, without a detail it does not take", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, {
      "change-tool": () => ({
        data: {
          success: true,
          deleted: "foxes",
          path: "datasets/foxes",
          purged: false,
          already_deleted: false,
        },
        text: "ok",
      }),
    });

    await yard.call("delete-dataset", { name: "foxes" });

    expect(agent.argsOf("change-tool")).toEqual([
      { tool: "delete-dataset", arguments: { dataset_path: "foxes", purge: false } },
    ]);
  });
});

describe("analyze-dataset with the box off", () => {
  it("answers what the box said last and how old that is", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, {
      tool: ({ arguments: args }) => ({ data: analysis(args), text: "20 images." }),
    });
    await yard.call("analyze-dataset", { dataset_path: "foxes" });
    await agent.close();

    const { data, text } = await yard.call("analyze-dataset", { dataset_path: "foxes" });

    expect(data["analysis"]).toEqual({ total_images: 20 });
    expect(data["connectivity"]).not.toBe("live");
    expect(text).toMatch(/^The box does not answer/);
  });

  it("deletes and repairs nothing, and says so", async () => {
    const yard = await createYard();
    await (await connectAgent(yard)).close();

    for (const tool of ["delete-dataset", "auto-improve-dataset", "edit-captions"] as const) {
      const { error } = await yard.call(tool, {
        dataset_path: "foxes",
        ...(tool === "edit-captions" ? { operation: "set", text: "x" } : {}),
      });
      expect(error?.code).toBe("AGENT_OFFLINE");
    }
  });
});

describe("what the box found by decoding", () => {
  it("reaches validation, plan and report", async () => {
    const yard = await createYard();
    await connectAgent(yard, {
      preflight: (args) => ({
        trainer: args.trainer === null ? null : { found: true, reason: null },
        datasets: args.datasets.map((reference) => ({ ...facts(reference), seen })),
        freeBytes: null,
      }),
    });
    await yard.call("create-training-config", config);

    const validated = await yard.call("validate-training-config", {
      config_name: "foxes",
      detail: "full",
    });
    const planned = await yard.call("recommend-training-plan", { config_name: "foxes" });
    const started = await yard.call("start-training", { config_name: "foxes" });
    const report = await yard.call("get-training-observability", {
      job_id: started.data["job_id"],
    });

    expect(validated.data["errors"].map((one: { code: string }) => one.code)).toContain(
      "DATASET_CORRUPT_IMAGES",
    );
    expect(validated.data["warnings"].map((one: { code: string }) => one.code)).toContain(
      "DATASET_DUPLICATES_DETECTED",
    );
    expect(planned.data["dataset_analysis"]).toMatchObject({
      corrupt_image_count: 2,
      duplicate_image_estimate: 3,
      low_resolution_count: 4,
    });
    expect(report.data["dataset_analysis"]).toMatchObject({
      corrupt_image_count: 2,
      duplicate_image_estimate: 3,
      low_resolution_count: 4,
      extreme_aspect_ratio_count: 1,
    });
    expect(report.data["nlp_analysis"]).toMatchObject({ caption_token_count: 120 });
  });

  it("is not known of a set that was not looked at to its end", async () => {
    const yard = await createYard();
    await connectAgent(yard, {
      preflight: (args) => ({
        trainer: args.trainer === null ? null : { found: true, reason: null },
        datasets: args.datasets.map(facts),
        freeBytes: null,
      }),
    });
    await yard.call("create-training-config", config);
    const started = await yard.call("start-training", { config_name: "foxes" });

    const report = await yard.call("get-training-observability", {
      job_id: started.data["job_id"],
    });

    expect(report.data["dataset_analysis"]).toMatchObject({ corrupt_image_count: null });
  });
});

describe("folders of masks and controls", () => {
  it("are asked for and judged", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, {
      preflight: (args) => ({
        trainer: null,
        datasets: args.datasets.map(facts),
        freeBytes: null,
        companions: (args.companions ?? []).map((companion) => ({
          ...companion,
          exists: !companion.folder.includes("gone"),
          images: 17,
          unpaired: companion.folder.includes("edges") ? 3 : 0,
        })),
      }),
    });
    const document = {
      job: "extension",
      config: {
        name: "foxes",
        process: [
          {
            type: "diffusion_trainer",
            model: { name_or_path: "ostris/Flex.1-alpha", arch: "flex1" },
            datasets: [
              {
                folder_path: "datasets/foxes",
                mask_path: "datasets/gone",
                control_path: ["datasets/edges", "datasets/depth"],
              },
            ],
            train: { steps: 100, batch_size: 1, lr: 1e-4 },
            network: { type: "lora", linear: 16, linear_alpha: 16 },
          },
        ],
      },
    };

    const { data } = await yard.call("validate-training-config", { config: document });

    expect(agent.argsOf("preflight")[0]?.companions).toEqual([
      { dataset: "datasets/foxes", folder: "datasets/gone" },
      { dataset: "datasets/foxes", folder: "datasets/edges" },
      { dataset: "datasets/foxes", folder: "datasets/depth" },
    ]);
    const byCode = (list: { code: string; field: string }[]) =>
      list.map(({ code, field }) => [code, field]);
    expect(byCode(data["errors"])).toContainEqual([
      "MASK_PATH_NOT_FOUND",
      "config.process[0].datasets[0].mask_path",
    ]);
    expect(byCode(data["warnings"])).toContainEqual([
      "CONTROL_IMAGES_MISSING",
      "config.process[0].datasets[0].control_path",
    ]);
  });
});
