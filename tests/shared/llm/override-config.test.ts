import { describe, expect, it } from "vitest";
import { AppError } from "../../../shared/errors.ts";
import { overrideConfig } from "../../../shared/llm/override-config.ts";
import { projectConfigOf, stagesOf } from "../../../shared/llm/project-config.ts";
import { generateFineTuningProject } from "../../../shared/tools/generate-fine-tuning-project.ts";

/** A project as its smallest call makes it. */
function project(training: Record<string, unknown> = {}) {
  const wish = generateFineTuningProject.input.parse({
    project_name: "p",
    base_model: { type: "olmo", model_id: "allenai/OLMo-2-0425-1B-Instruct" },
    training,
  });
  return projectConfigOf(wish, "none");
}

function refusalOf(overrides: Record<string, unknown>): AppError {
  try {
    overrideConfig(project(), overrides);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("projectConfigOf", () => {
  it("has the defaults of the document", () => {
    expect(project({ num_stages: 2 })).toMatchObject({
      training: {
        num_stages: 2,
        stage1: { iterations: 100, learning_rate: 2e-5, batch_size: 4, warmup_steps: 10 },
        stage2: { iterations: 150, learning_rate: 1e-6, batch_size: 4, replay_ratio: 0.15 },
        quality_weight_multiplier: 2.5,
        save_steps: 50,
        eval_steps: 25,
      },
      lora: { rank: 8, alpha: 16, dropout: 0.05, target_modules: ["q_proj", "v_proj"] },
      dataset: {
        format: "jsonl",
        quality_field: null,
        instruction_field: "instruction",
        output_field: "output",
        metadata_field: "metadata",
      },
      features: { enable_huggingface_upload: false, enable_evaluation: true },
    });
    expect(stagesOf(project())).toEqual([{ stage: 1, iterations: 100 }]);
  });

  it.each(["/etc", "../x", "a/b/c", "~/models/x", ""])("takes no path for a model id: %j", (id) => {
    const parsed = generateFineTuningProject.input.safeParse({
      project_name: "p",
      base_model: { type: "llama", model_id: id },
    });

    expect(parsed.success).toBe(false);
  });
});

describe("overrideConfig", () => {
  it("takes the flat names of the tool, and sections as the file has them", () => {
    const config = overrideConfig(project(), {
      learning_rate: 1e-4,
      rank: 16,
      batch_size: 2,
      country_iso_code: "DEU",
      training: { stage1: { warmup_steps: 0 }, max_length: 512 },
    });

    expect(config).toMatchObject({
      training: {
        stage1: { learning_rate: 1e-4, batch_size: 2, warmup_steps: 0, iterations: 100 },
        max_length: 512,
      },
      lora: { rank: 16, alpha: 16 },
      carbon_tracking: { country_iso_code: "DEU" },
    });
  });

  it("gives a project of one stage a second one, with the document's defaults", () => {
    const { training } = overrideConfig(project({ batch_size: 3 }), {
      num_stages: 2,
      stage2_iterations: 7,
    });

    expect(training.stage2).toEqual({
      iterations: 7,
      learning_rate: 1e-6,
      batch_size: 3,
      replay_ratio: 0.15,
      warmup_steps: 10,
    });
  });

  it("leaves the project's own configuration as it was", () => {
    const before = project();
    overrideConfig(before, { rank: 64, target_modules: ["o_proj"] });

    expect(before).toEqual(project());
  });

  it.each([
    [{ learnig_rate: 1 }, "UNKNOWN_KEY", "override_params has no learnig_rate.", "learning_rate"],
    [{ lora: { rnak: 1 } }, "UNKNOWN_KEY", "override_params.lora.rnak is no setting.", ""],
    [{ learning_rate: 5 }, "INVALID_ARGUMENT", "override_params.training.stage1.learning_rate", ""],
    [{ rank: "8" }, "INVALID_ARGUMENT", "override_params.lora.rank", ""],
    [{ mlflow: { enabled: true } }, "UNKNOWN_KEY", "override_params has no mlflow.", ""],
    [{ project: { name: "x" } }, "UNKNOWN_KEY", "override_params has no project.", ""],
    [{ __proto__x: 1 }, "UNKNOWN_KEY", "override_params has no __proto__x.", ""],
    [{ constructor: 1 }, "UNKNOWN_KEY", "override_params has no constructor.", ""],
  ] as const)("refuses %j", (overrides, code, message, hint) => {
    const refusal = refusalOf(overrides);

    expect(refusal.code).toBe(code);
    expect(refusal.message).toContain(message);
    expect(refusal.hint).toContain(hint);
  });
});
