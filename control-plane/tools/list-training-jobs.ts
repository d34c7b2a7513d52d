import { AppError } from "@trainyard/shared/errors.ts";
import { statesForWord } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { unwrap } from "../outcome.ts";
import { chooseAgent } from "./choose-agent.ts";
import type { EdgeHandler } from "./context.ts";
import { jobRow } from "./job-answer.ts";
import { plural } from "./words.ts";

export const listTrainingJobs: EdgeHandler<"list-training-jobs"> = async (input, context) => {
  const detail = context.detail(input.detail);
  const states = input.status?.flatMap((word) => statesForWord(word) ?? []) ?? null;
  const filter = {
    states: states === null || states.length === 0 ? null : states,
    agentId: input.agent === undefined ? null : (await chooseAgent(context, input.agent)).agentId,
    limit: input.limit,
    before: placeOf(input.cursor),
  };
  let page = unwrap(await context.hub.listJobs(filter));
  let rows = page.jobs.map((job) => jobRow(job, detail));
  const fits = detail === "concise" ? fittingCount(rows) : rows.length;
  if (fits < rows.length) {
    // Asked again and not cut here: only the Hub knows the place where the next page begins.
    page = unwrap(await context.hub.listJobs({ ...filter, limit: fits }));
    rows = page.jobs.map((job) => jobRow(job, detail));
  }
  const active = rows.filter(({ status }) => status === "running" || status === "stopping").length;
  const more = page.next === null ? "" : ` More with cursor "${page.next}".`;
  return {
    data: {
      jobs: rows,
      count: rows.length,
      total: page.total,
      next_cursor: page.next === null ? null : String(page.next),
    },
    text:
      page.total === 0
        ? "There is no such job. Next: run-training-with-guardrails starts one."
        : `${plural(page.total, "job")}, newest first; ${rows.length} here, ${active} of them running.${more} Next: get-training-status with a job_id.`,
  };
};

function placeOf(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new AppError("INVALID_ARGUMENT", "cursor is not one of ours.", {
    hint: "Pass next_cursor of the last answer, or leave it out.",
    details: { field: "cursor" },
  });
}

function fittingCount(rows: readonly object[]): number {
  let characters = 0;
  const fitting = rows.filter(
    (row) => (characters += JSON.stringify(row).length + 1) <= limits.conciseCharacters - 300,
  );
  return Math.max(1, fitting.length);
}
