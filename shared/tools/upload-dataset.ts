import { z } from "zod";
import { limits } from "../limits.ts";
import { defineTool } from "./define-tool.ts";
import { agent, count, maybe, nameOrPath } from "./vocabulary.ts";

const uploadedFile = z.object({
  filename: z.string(),
  saved: z.boolean(),
  size: maybe(count),
  sha256: maybe(z.string()),
  code: z.string().optional(),
  message: z.string().optional(),
});
export type UploadedFile = z.input<typeof uploadedFile>;

export const uploadDataset = defineTool({
  name: "upload-dataset",
  title: "Upload dataset",
  description:
    "Adds a few small pictures with captions to a dataset on the box, 4 MiB decoded in all, and says for each whether it was saved. For more use create-upload-link.",
  input: z.strictObject({
    dataset_name: nameOrPath,
    images: z
      .array(
        z.strictObject({
          /** The rules of names are the handler's: it answers per file. */
          filename: z.string().min(1).max(1_000),
          content: z.string().optional().describe("Base64; `data` is the same."),
          data: z.string().optional(),
          caption: z.string().max(20_000).optional(),
        }),
      )
      .min(1)
      .max(limits.frameItems),
    agent,
  }),
  output: z.object({
    status: z.enum(["success", "failed"]),
    success: z.boolean(),
    dataset_name: z.string(),
    dataset: z.string(),
    path: z.string(),
    images_saved: count,
    files: z.array(uploadedFile),
    upload_url: maybe(z.string()),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "edge",
  core: false,
});
