import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, confirmedName, deletion, detail, nameOrPath, purge } from "./vocabulary.ts";

export const deleteDataset = defineTool({
  name: "delete-dataset",
  title: "Delete dataset",
  description:
    "Moves a dataset to the box's trash, which keeps it for a week; undo-dataset-change brings it back. Refused while a job uses it.",
  input: z.strictObject({ dataset_path: nameOrPath, purge, confirm: confirmedName, agent, detail }),
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
