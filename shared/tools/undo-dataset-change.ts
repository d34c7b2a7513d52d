import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, instant, maybe, nameOrPath } from "./vocabulary.ts";

const change = z.object({
  change_id: z.string(),
  kind: z.enum(["deletion", "repair", "captions"]),
  path: z.string().describe('Virtual: "datasets/…" or "outputs/…".'),
  changed_at: instant,
  undone: z.boolean(),
  files: maybe(count),
  restorable_until: maybe(instant),
});
export type ChangeView = z.input<typeof change>;

export const undoDatasetChange = defineTool({
  name: "undo-dataset-change",
  title: "Undo change",
  description:
    "Restores a dataset after a repair or caption edit, and what was thrown away. Without change_id it lists the changes.",
  input: z.strictObject({
    change_id: z.string().min(1).max(100).optional(),
    dataset_path: nameOrPath.optional(),
    agent,
    detail,
  }),
  output: z.object({
    change_id: maybe(z.string()),
    kind: maybe(change.shape.kind),
    path: maybe(z.string()),
    files_restored: maybe(count),
    already_undone: maybe(z.boolean()),
    changes: z.array(change),
    count,
    truncated: maybe(z.boolean()),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "agent",
  core: false,
});
