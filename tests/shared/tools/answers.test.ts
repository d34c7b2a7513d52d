import { describe, expect, expectTypeOf, it } from "vitest";
import type { JobView } from "../../../shared/tools/job-view.ts";
import type {
  AgentToolName,
  EdgeToolName,
  ToolName,
  ToolOutput,
} from "../../../shared/tools/registry.ts";
import { catalog } from "../../../shared/tools/registry.ts";

const concise: JobView = {
  job_id: "job_1",
  job_name: "cats",
  config_name: "cats",
  trainer: "tiny",
  agent_id: null,
  status: "queued",
  state: "queued",
  phase: null,
  observed_at: null,
  connectivity: "offline",
  progress: 0,
  current_step: null,
  total_steps: null,
};

describe("answers", () => {
  it("split the tools between edge and agent without a rest", () => {
    expectTypeOf<EdgeToolName | AgentToolName>().toEqualTypeOf<ToolName>();
    expectTypeOf<EdgeToolName & AgentToolName>().toEqualTypeOf<never>();
    expectTypeOf<AgentToolName>().toEqualTypeOf<
      | "analyze-dataset"
      | "auto-improve-dataset"
      | "configure-training-run"
      | "delete-dataset"
      | "delete-model"
      | "edit-captions"
      | "generate-fine-tuning-project"
      | "get-dataset-info"
      | "get-system-stats"
      | "list-comfyui-models"
      | "list-datasets"
      | "list-exported-models"
      | "undo-dataset-change"
    >();
  });

  it("about a job can be as short as its state", () => {
    expect(catalog["get-training-status"].output.parse(concise)).toEqual(concise);
    expect(JSON.stringify(concise).length).toBeLessThan(1_600);
  });

  it("keep a loss that is not a number", () => {
    const answer: ToolOutput<"get-training-status"> = { ...concise, loss: "NaN" };

    expect(catalog["get-training-status"].output.parse(answer).loss).toBe("NaN");
  });

  it("of a blocked run need neither job nor monitor", () => {
    const answer: ToolOutput<"run-training-with-guardrails"> = {
      started: false,
      status: "blocked_by_validation",
      config_name: "cats",
      validation: {
        valid: false,
        errors: [
          {
            code: "DATASET_EMPTY",
            message: "The dataset has no pictures.",
            field: "dataset_path",
            value: ["a", 1],
          },
        ],
        warnings: [],
        suggested_fixes: [],
        summary: { error_count: 1, warning_count: 0 },
      },
      triggered_guardrails: [],
    };

    expect(catalog["run-training-with-guardrails"].output.parse(answer)).toEqual(answer);
  });

  it("hold a document of any depth that JSON may have, and nothing else", () => {
    const schema = catalog["get-config"].output;
    const answer = (config: unknown) =>
      schema.safeParse({
        name: "a",
        trainer: "tiny",
        updated_at: new Date(0).toISOString(),
        origin: "edge",
        path: "config/a.yaml",
        config,
      }).success;
    let deep: unknown = 1;
    for (let depth = 0; depth < 100; depth += 1) deep = [deep];

    expect(answer({ job: "extension", list: [1, null, { a: "b" }] })).toBe(true);
    expect(answer({ f: () => 1 })).toBe(false);
    expect(answer({ n: Number.NaN })).toBe(false);
    expect(answer({ deep })).toBe(false);
  });
});
