import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, instant, maybe, observation } from "./vocabulary.ts";

const datasetRow = z.object({
  name: z.string(),
  path: z.string(),
  image_count: count,
  caption_count: count,
  captions_complete: z.boolean(),
  table_count: count.optional().describe("Files for language models; get-dataset-info names them."),
  missing_captions: z
    .array(z.string())
    .optional()
    .describe("File names, cut where there are many."),
  total_size_bytes: count,
  total_size_mb: z.number().optional(),
  modified_at: maybe(instant),
});
export type DatasetRow = z.input<typeof datasetRow>;

export const listDatasets = defineTool({
  name: "list-datasets",
  title: "List datasets",
  description:
    "Lists a box's datasets: pictures, captions, what lacks a caption, size. A name from here is a dataset_path elsewhere. Changes nothing.",
  input: z.strictObject({ agent, detail }),
  output: z.object({
    datasets: z.array(datasetRow),
    count,
    truncated: maybe(z.boolean()),
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
  core: true,
});
