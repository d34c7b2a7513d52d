import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, confirmedName, deletion, detail, purge } from "./vocabulary.ts";

export const deleteModel = defineTool({
  name: "delete-model",
  title: "Delete model",
  description:
    "Moves a job's whole output folder, or one model file of it, to the box's trash for a week; undo-dataset-change brings it back. Refused while a job uses it.",
  input: z.strictObject({
    model_path: z
      .string()
      .min(1)
      .max(1_024)
      .describe("<job> or <job>/<file>, as list-exported-models has it."),
    purge,
    confirm: confirmedName,
    agent,
    detail,
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
