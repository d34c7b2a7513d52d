import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, instant, maybe, nameOrPath, observation } from "./vocabulary.ts";

const image = z.object({
  file: z.string(),
  caption: z.string().nullable(),
  size: count,
  width: maybe(count),
  height: maybe(count),
  problem: maybe(z.string()),
});
export type DatasetImageView = z.input<typeof image>;

export const getDatasetInfo = defineTool({
  name: "get-dataset-info",
  title: "Dataset info",
  description:
    "Returns a dataset's counts and its images with captions, by pages. Changes nothing.",
  input: z.strictObject({
    dataset_path: nameOrPath,
    offset: z.int().min(0).default(0),
    limit: z.int().min(0).max(200).default(50),
    agent,
    detail,
  }),
  output: z.object({
    name: z.string(),
    path: z.string(),
    image_count: count,
    caption_count: count,
    empty_caption_count: count,
    captions_complete: z.boolean(),
    missing_captions: z.array(z.string()),
    total_size_mb: z.number(),
    modified_at: instant,
    table_count: count.optional(),
    tables: z
      .array(z.object({ file: z.string(), size: count }))
      .optional()
      .describe("For configure-training-run as <path>/<file>."),
    images: z.array(image),
    next_offset: maybe(count),
    ...observation,
  }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "agent",
  core: false,
});
