import { agentArgument, jobArgument } from "./arguments.ts";
import { definePrompt, step } from "./define-prompt.ts";

export const whyDidItFail = definePrompt({
  name: "why_did_it_fail",
  title: "Why did it fail?",
  description: "Finds the cause of a job that ended badly, with its evidence and one fix.",
  arguments: {
    job_id: { ...jobArgument, description: "The job. Left out: the newest that failed." },
    agent: agentArgument,
  },
  needs: ["list-training-jobs", "get-training-status", "get-training-logs"],
  wish: "Find out why a training ended badly.",
  steps: ({ job_id, agent }) => [
    ...(job_id === undefined
      ? [
          step(
            "list-training-jobs",
            { status: ["failed", "interrupted"], limit: 5, agent },
            "take the newest. If there is none, say so and stop.",
          ),
        ]
      : []),
    step(
      "get-training-status",
      { job_id, detail: "full" },
      `${withJob(job_id)}failure.code, failure.message and failure.fix are the verdict, evidence is what it rests on.`,
    ),
    step(
      "get-training-logs",
      { job_id, lines: 60 },
      `${withJob(job_id)}the first error stands on top. Where it is not enough, the same call with around.`,
    ),
    step(
      "get-training-observability",
      { job_id },
      `${withJob(job_id)}only if the loss or the speed went wrong before the end.`,
    ),
    step(
      "recommend-training-plan",
      {},
      "only if memory ran out: with config_name of the job's config, for the cheapest change that makes it fit.",
    ),
  ],
  close:
    "Answer with the cause in one sentence, the log line that shows it as a quotation, and the one change that mends it. If the cause is not proven, say what is missing. Change nothing and start nothing.",
});

function withJob(jobId: string | undefined): string {
  return jobId === undefined ? "with its job_id: " : "";
}
