import { describe, expect, expectTypeOf, it } from "vitest";
import { AppError } from "../../../shared/errors.ts";
import { parseArguments } from "../../../shared/tools/parse-arguments.ts";
import { catalog, findTool, type ToolInput } from "../../../shared/tools/registry.ts";

function refusalOf(
  tool: keyof typeof catalog,
  raw: unknown,
): { code: string; message: string; hint: string | undefined } {
  try {
    parseArguments(catalog[tool], raw);
  } catch (error) {
    if (error instanceof AppError)
      return { code: error.code, message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error("nothing was refused");
}

const draft = { name: "a", model_name: "tiny", dataset_path: "d" };

describe("parseArguments", () => {
  it("fills in the defaults of the earlier systems", () => {
    const input = parseArguments(catalog["create-training-config"], draft);

    expectTypeOf(input).toEqualTypeOf<ToolInput<"create-training-config">>();
    expect(input).toEqual({
      ...draft,
      resolution: 512,
      batch_size: 1,
      learning_rate: 0.0002,
      steps: 1_000,
      rank: 16,
      alpha: 16,
      low_vram: true,
      use_wandb: false,
      disable_sampling: false,
      overwrite: false,
    });
  });

  it("takes absent arguments and nulls as not given", () => {
    expect(parseArguments(catalog["list-agents"], undefined)).toEqual({});
    expect(parseArguments(catalog["list-training-jobs"], { agent: null, limit: null })).toEqual({
      limit: 10,
    });
  });

  it("takes synonyms, and those of the alias it was called by", () => {
    expect(parseArguments(catalog["start-training"], { config: "a" })).toEqual({
      config_name: "a",
    });
    expect(
      parseArguments(catalog["validate-training-config"], { name: "a" }, "validate_config"),
    ).toMatchObject({ config_name: "a" });
  });

  it.each([
    [
      "a missing field",
      "create-training-config",
      { model_name: "m", dataset_path: "d" },
      {
        code: "INVALID_ARGUMENT",
        message: "name is missing.",
        hint: "name: text, 1 to 300 characters. Names config, job and model file.",
      },
    ],
    [
      "a missing field given as null",
      "get-config",
      { name: null },
      {
        code: "INVALID_ARGUMENT",
        message: "name is missing.",
        hint: "name: text, 1 to 300 characters.",
      },
    ],
    [
      "an unknown key with a near one",
      "create-training-config",
      { ...draft, learnin_rate: 1 },
      {
        code: "UNKNOWN_KEY",
        message: 'create-training-config has no parameter "learnin_rate".',
        hint: "Did you mean learning_rate?",
      },
    ],
    [
      "an unknown key with none near",
      "stop-training",
      { job_id: "j", wallpaper: 1 },
      {
        code: "UNKNOWN_KEY",
        message: 'stop-training has no parameter "wallpaper".',
        hint: "It takes: job_id, mode, reason.",
      },
    ],
    [
      "an unknown key before a missing field",
      "start-training",
      { config_nam: "a" },
      {
        code: "UNKNOWN_KEY",
        message: 'start-training has no parameter "config_nam".',
        hint: "Did you mean config_name?",
      },
    ],
    [
      "an unknown key inside a list",
      "upload-dataset",
      { dataset_name: "d", images: [{ filename: "a.png", captoin: "x" }] },
      {
        code: "UNKNOWN_KEY",
        message: 'images[0] has no parameter "captoin".',
        hint: "Did you mean caption?",
      },
    ],
    [
      "a wrong type",
      "create-training-config",
      { ...draft, steps: "many" },
      {
        code: "INVALID_ARGUMENT",
        message: 'steps must be a whole number; it is "many".',
        hint: "steps: whole number, 1 to 10000000, default 1000.",
      },
    ],
    [
      "a fraction for a whole number",
      "create-training-config",
      { ...draft, steps: 1.5 },
      {
        code: "INVALID_ARGUMENT",
        message: "steps must be a whole number; it is 1.5.",
        hint: "steps: whole number, 1 to 10000000, default 1000.",
      },
    ],
    [
      'the text "false" for a boolean',
      "create-training-config",
      { ...draft, low_vram: "false" },
      {
        code: "INVALID_ARGUMENT",
        message: 'low_vram must be a boolean; it is "false".',
        hint: "low_vram: boolean, default true.",
      },
    ],
    [
      "below a bound",
      "run-training-with-guardrails",
      { config_name: "a", poll_interval_seconds: 1 },
      {
        code: "INVALID_ARGUMENT",
        message: "poll_interval_seconds must be at least 2; it is 1.",
        hint: "poll_interval_seconds: whole number, 2 to 300, default 10.",
      },
    ],
    [
      "above a bound",
      "list-training-jobs",
      { limit: 51 },
      {
        code: "INVALID_ARGUMENT",
        message: "limit must be at most 50; it is 51.",
        hint: "limit: whole number, 1 to 50, default 10.",
      },
    ],
    [
      "a number that must be positive",
      "create-training-config",
      { ...draft, lr: 0 },
      {
        code: "INVALID_ARGUMENT",
        message: "learning_rate must be more than 0; it is 0.",
        hint: "learning_rate: number, more than 0, at most 10, default 0.0002. tiny: 0.0001.",
      },
    ],
    [
      "a word outside the list",
      "stop-training",
      { job_id: "j", mode: "kill" },
      {
        code: "INVALID_ARGUMENT",
        message: 'mode must be one of checkpoint, now; it is "kill".',
        hint: 'mode: one of checkpoint, now, default "checkpoint".',
      },
    ],
    [
      "a text where a list is wanted",
      "list-training-jobs",
      { status: "running" },
      {
        code: "INVALID_ARGUMENT",
        message: 'status must be a list; it is "running".',
        hint: "status: list of one of queued, starting, running, stopping, completed, stopped, failed, interrupted, pending, error, at most 16 entries.",
      },
    ],
    [
      "neither of two types",
      "create-training-config",
      { ...draft, resolution: "big" },
      {
        code: "INVALID_ARGUMENT",
        message: 'resolution must be whole number or list of whole number; it is "big".',
        hint: "resolution: whole number or list of whole number, 64 to 8192, default 512. tiny: 64.",
      },
    ],
    [
      "several mistakes",
      "create-training-config",
      { model_name: 3 },
      {
        code: "INVALID_ARGUMENT",
        message: "name is missing. 1 more to correct.",
        hint: "name: text, 1 to 300 characters. Names config, job and model file.",
      },
    ],
    [
      "no object",
      "get-config",
      ["a"],
      {
        code: "INVALID_ARGUMENT",
        message: "The arguments of a tool are an object.",
        hint: "Parameters of get-config: name, detail.",
      },
    ],
  ] as const)("[B21] [B22] refuses %s", (_, tool, raw, expected) => {
    expect(refusalOf(tool, raw)).toEqual(expected);
  });

  it.each(["__proto__", "constructor", "toString"])(
    "[B20] takes %s for a plain unknown key",
    (key) => {
      for (const tool of ["list-agents", "validate-training-config"] as const) {
        expect(refusalOf(tool, JSON.parse(`{"${key}": {"detail": "full"}}`))).toMatchObject({
          code: "UNKNOWN_KEY",
          message: `${tool} has no parameter "${key}".`,
        });
      }
    },
  );

  it("[B20] takes __proto__ inside a list for a plain unknown key, or drops it", () => {
    const raw = JSON.parse(
      '{"dataset_name": "d", "images": [{"filename": "a", "__proto__": {"caption": "x"}}]}',
    );
    let images: readonly object[] = [];
    try {
      images = parseArguments(catalog["upload-dataset"], raw).images;
    } catch (error) {
      expect(error).toMatchObject({ code: "UNKNOWN_KEY" });
    }

    expect(images.some((image) => "caption" in image)).toBe(false);
  });

  it.each([
    [
      "create-training-config",
      { ...draft, steps: 1e99 },
      "steps must be at most 10000000; it is 1e+99.",
    ],
    [
      "upload-dataset",
      { dataset_name: "d", images: [] },
      "images must be at least 1 entry; it is a list.",
    ],
    [
      "generate-fine-tuning-project",
      { project_name: "a", base_model: { type: "llama", model_id: "../../etc" } },
      "base_model.model_id must be text of the form",
    ],
    ["create-training-config", { ...draft, config: "a".repeat(300_000) }, "characters"],
  ] as const)("says the bound of the field, its unit and its form: %s", (tool, given, said) => {
    expect(refusalOf(tool, given).message).toContain(said);
  });

  it("echoes at most 80 characters, none of them a control character", () => {
    const evil = `\u001b[31m\u202e${"x".repeat(5_000)}\n`;
    const texts = [
      refusalOf("stop-training", { job_id: "j", mode: evil }),
      refusalOf("stop-training", { job_id: "j", [evil]: 1 }),
    ].map(({ message, hint }) => `${message}${hint}`);

    for (const text of texts) {
      expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(text.match(/x+…/)?.[0].length).toBeLessThanOrEqual(80);
      expect(text.length).toBeLessThan(300);
    }
  });

  it("serves what findTool finds", () => {
    const tool = findTool("get_training_logs");
    if (tool === null) throw new Error("not found");

    expect(parseArguments(tool, { id: "job_1", lines: 5 })).toMatchObject({
      job_id: "job_1",
      lines: 5,
      stream: "both",
    });
  });

  it("does not read a config as parameters", () => {
    const config = {
      job: "extension",
      config: { name: "[name]", process: [{ steps: 1, deep: [null, 1.5] }] },
    };

    expect(parseArguments(catalog["validate-training-config"], { config })).toMatchObject({
      config,
    });
  });
});
