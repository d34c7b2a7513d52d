import { z } from "zod";
import { limits } from "../limits.ts";
import { defineTool } from "./define-tool.ts";
import { datasetFile, projectPath } from "./llm-fields.ts";
import { agent, jsonDocument } from "./vocabulary.ts";

export const configureTrainingRun = defineTool({
  name: "configure-training-run",
  title: "Configure training run",
  description:
    "Makes a run of a language-model project: checks its datasets row by row, applies override_params, writes its manifest. Next: start-training.",
  input: z.strictObject({
    project_path: projectPath,
    run_name: z.string().min(1).max(limits.nameCharacters),
    training_data: z.strictObject({
      train_dataset: datasetFile.describe("datasets/<name>/<file>, or a file in the project."),
      validation_dataset: datasetFile.optional(),
      test_dataset: datasetFile.optional(),
    }),
    override_params: jsonDocument.optional().describe('E.g. {"learning_rate": 1e-4, "rank": 16}.'),
    agent,
  }),
  output: z.object({
    success: z.boolean(),
    run_id: z.string(),
    run_directory: z.string(),
    manifest_path: z.string(),
    configuration_summary: jsonDocument,
    warnings: z.array(z.string()),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "agent",
  core: false,
  llm: "only",
});
