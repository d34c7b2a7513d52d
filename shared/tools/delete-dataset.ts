import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, confirmedName, deletion, nameOrPath, purge } from "./vocabulary.ts";

export const deleteDataset = defineTool({
  name: "delete-dataset",
  title: "Delete dataset",
  description:
    "Deletes a dataset to a trash kept a week; undo-dataset-change reverts. Refused while a job uses it.",
  input: z.strictObject({ dataset_path: nameOrPath, purge, confirm: confirmedName, agent }),
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
