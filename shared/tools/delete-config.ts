import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { confirmedName, count, instant, maybe, nameOrPath, purge } from "./vocabulary.ts";

export const deleteConfig = defineTool({
  name: "delete-config",
  title: "Delete config",
  description:
    "Deletes a saved config to a trash kept a week; restore brings it back. Jobs keep their own copy.",
  input: z.strictObject({
    name: nameOrPath,
    restore: z.boolean().default(false),
    purge,
    confirm: confirmedName,
  }),
  output: z.object({
    success: z.boolean(),
    deleted: z.string().nullable(),
    restored: z.string().nullable(),
    path: z.string(),
    purged: z.boolean(),
    already_deleted: z.boolean(),
    restorable_until: maybe(instant),
    jobs: count.describe("Queued or live ones that were started with it."),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "admin",
  runsOn: "edge",
  core: false,
});
