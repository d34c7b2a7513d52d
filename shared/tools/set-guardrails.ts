import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { changeOptions, guardrailsView } from "./guardrail-options.ts";
import { connectivity, count, detail, jobId, maybe } from "./vocabulary.ts";
import { publicStatus } from "./job-view.ts";

export const setGuardrails = defineTool({
  name: "set-guardrails",
  title: "Set guardrails",
  description:
    "Changes what may stop a queued or running job; other rules stay. An offline box gets them when it connects. 0 lifts a limit; warn_only rules only tell.",
  input: z.strictObject({ job_id: jobId, ...changeOptions, detail }),
  output: z.object({
    job_id: z.string(),
    status: publicStatus,
    connectivity,
    revision: count.describe("Rises with every change."),
    delivery: z.enum(["in-force", "waiting", "pending"]),
    acting: z.array(z.string()).describe("Rules that stop the job once these hold."),
    in_force: maybe(guardrailsView).describe("Null before a process runs by any."),
    pending: maybe(guardrailsView).describe("Wanted, and not in force yet."),
    message: z.string(),
    next: maybe(z.string()),
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
