import { z } from "zod";
import { limits } from "../limits.ts";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, maybe, nameOrPath } from "./vocabulary.ts";

const text = z.string().max(limits.captionCharacters);

const captionOperations = ["set", "prefix", "suffix", "replace", "remove"] as const;

export const editCaptions = defineTool({
  name: "edit-captions",
  title: "Edit captions",
  description:
    "Changes captions of all images or of files, or sets each from captions. Replaces text literally; undo-dataset-change reverts.",
  input: z.strictObject({
    dataset_path: nameOrPath,
    operation: z.enum(captionOperations).optional(),
    text: text.optional(),
    find: text.optional().describe("What to replace or remove."),
    captions: z.record(z.string().max(1_000), text).optional(),
    files: z.array(z.string().max(1_000)).max(20_000).optional().describe("All, if absent."),
    dry_run: z.boolean().default(false),
    agent,
    detail,
  }),
  output: z.object({
    dataset_path: z.string(),
    dry_run: z.boolean(),
    change_id: maybe(z.string()).describe("For undo-dataset-change."),
    changed_count: count,
    skipped_count: count,
    skipped: z.array(z.object({ file: z.string(), code: z.string() })),
    examples: z.array(
      z.object({ file: z.string(), before: z.string().nullable(), after: z.string() }),
    ),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "agent",
  core: false,
});
