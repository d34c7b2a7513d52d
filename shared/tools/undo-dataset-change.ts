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
    "Restores what a repair or caption edit changed, or a dataset or model that was thrown away. The same id twice changes nothing more. Without change_id it lists what can be taken back.",
  input: z.strictObject({
    change_id: z.string().min(1).max(100).optional(),
    dataset_path: nameOrPath.optional().describe("Narrows the list."),
    agent,
    detail,
  }),
  output: z.object({
    success: z.boolean(),
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
