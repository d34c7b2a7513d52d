import { agentArgument, hoursArgument } from "./arguments.ts";
import { definePrompt, step } from "./define-prompt.ts";

export const catchMeUp = definePrompt({
  name: "catch_me_up",
  title: "Catch me up",
  description: "Tells what happened on the boxes since you last looked, and what waits for you.",
  arguments: { hours: hoursArgument, agent: agentArgument },
  needs: ["list-agents", "list-training-jobs", "get-training-status"],
  wish: "Tell me what happened while I was away.",
  steps: ({ hours = "24", agent }) => [
    step("list-agents", {}, "a box that is stale or offline is news: say since when."),
    step(
      "list-training-jobs",
      { detail: "full", limit: 20, agent },
      `those that run or wait, and those that started or ended in the last ${hours} hours.`,
    ),
    step(
      "get-training-status",
      {},
      "with job_id, once for each that runs or failed: step, loss, time left, alert_count, failure.",
    ),
    step(
      "get-training-observability",
      {},
      "with job_id, for the newest that completed, and for a running one with alerts.",
    ),
    step(
      "list-alert-routes",
      {},
      "a route with dead deliveries means that I was not told: say so.",
    ),
  ],
  close:
    "Answer in at most ten lines: what finished and how good it is, what runs and until when, what failed and why, what waits for me. Old answers carry observed_at: say how old. Change nothing and start nothing.",
});
