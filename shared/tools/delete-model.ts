import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, confirmedName, deletion, purge } from "./vocabulary.ts";

export const deleteModel = defineTool({
  name: "delete-model",
  title: "Delete model",
  description:
    "Deletes a job's output folder or one model file to a trash kept a week; undo-dataset-change reverts.",
  input: z.strictObject({
    model_path: z.string().min(1).max(1_024).describe("<job> or <job>/<file>."),
    purge,
    confirm: confirmedName,
    agent,
  }),
  output: deletion,
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "admin",
  runsOn: "agent",
  core: false,
});
