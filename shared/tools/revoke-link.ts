import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { instant } from "./vocabulary.ts";

export const revokeLink = defineTool({
  name: "revoke-link",
  title: "Revoke link",
  description:
    "Stops an upload, download or report link at once, for everyone who has it; a transfer on it ends with its next part.",
  input: z.strictObject({ url: z.string().min(1).max(10_000) }),
  output: z.object({
    revoked: z.literal(true),
    kind: z.enum(["upload", "download", "report"]),
    expires_at: instant,
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
