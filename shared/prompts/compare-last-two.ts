import { agentArgument, jobArgument } from "./arguments.ts";
import { definePrompt, step } from "./define-prompt.ts";

export const compareLastTwo = definePrompt({
  name: "compare_last_two",
  title: "Compare the last two",
  description: "Says which of two jobs is better, what was different, and what to try next.",
  arguments: {
    job_id: { ...jobArgument, description: "One job. Left out: the newest that ended." },
    other_job_id: { ...jobArgument, description: "The other one. Left out: the one before." },
    agent: agentArgument,
  },
  needs: ["list-training-jobs", "get-training-status", "get-training-observability"],
  wish: "Compare two trainings.",
  steps: ({ job_id, other_job_id, agent }) => {
    const named = [job_id, other_job_id].filter((id) => id !== undefined);
    const both = named.length === 2 ? named : undefined;
    const which = both === undefined ? "with both job_ids: " : "";
    return [
      ...(both === undefined
        ? [
            step(
              "list-training-jobs",
              { status: ["completed", "stopped", "failed"], limit: 5, agent },
              `take the ${named.length === 1 ? "newest that is not the job named below" : "newest two"}. If there are not two, say so and stop.`,
            ),
          ]
        : []),
      step(
        "compare-training-runs",
        { job_ids: named.length === 0 ? undefined : named },
        `${which}the winner, the distance, and what was skipped for want of evidence.`,
      ),
      step(
        "get-training-observability",
        {},
        "once for each job_id: loss trend, grade and bottlenecks.",
      ),
      step(
        "get-training-status",
        { detail: "full" },
        "once for each job_id: which settings and datasets differ.",
      ),
      step("suggest-next-experiment", { job_ids: both }, `${which}one change for the next run.`),
    ];
  },
  close:
    "Answer with the better job and by how much, the two or three differences that explain it, and one next step. Unknown is neither good nor bad. Start nothing.",
});
