import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, expiresInSeconds, instant, nameOrPath, oneTime } from "./vocabulary.ts";

export const createUploadLink = defineTool({
  name: "create-upload-link",
  title: "Create upload link",
  description:
    "Returns a short-lived URL that takes pictures and captions of any size by HTTP PUT straight to the box. Whoever has the link can upload to that dataset.",
  input: z.strictObject({
    dataset_name: nameOrPath,
    filename: z
      .string()
      .min(1)
      .max(1_000)
      .optional()
      .describe("Without it, PUT to <upload_url>/<filename>."),
    expires_in_seconds: expiresInSeconds,
    one_time: oneTime,
    agent,
  }),
  output: z.object({
    upload_url: z.string(),
    method: z.enum(["PUT"]),
    dataset_name: z.string(),
    dataset_path: z.string(),
    expires_at: instant,
    one_time: z.boolean(),
    max_put_bytes: count,
    part_bytes: count,
    how: z.string(),
    example: z.string(),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "edge",
  core: true,
  llm: "too",
});
