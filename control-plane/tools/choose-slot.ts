import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal, jobStates } from "@trainyard/shared/jobs/state.ts";
import type { ConfigTrainer } from "@trainyard/shared/training/training-config.ts";
import type { AgentView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "./context.ts";

/** More jobs than any queue holds: all that are not over. */
const activeMax = 500;

/**
 * The queue that a job goes into: the CPU's for what needs no card, the wanted card's, or that of the card with the least to do.
 * Throws INVALID_ARGUMENT for a card that the box does not have.
 */
export async function chooseSlot(
  { agentId, capabilities: { slots } }: AgentView,
  trainer: ConfigTrainer,
  gpu: number | undefined,
  context: EdgeContext,
): Promise<string> {
  const cards = slots.filter((slot) => slot.startsWith("gpu:"));
  if (gpu !== undefined && !cards.includes(`gpu:${gpu}`)) {
    throw new AppError("INVALID_ARGUMENT", `The box has no card ${gpu}.`, {
      hint:
        cards.length === 0
          ? "It has none: leave gpu out."
          : `It has ${cards.map((slot) => slot.slice("gpu:".length)).join(", ")}; leave gpu out for the one with the least to do.`,
      details: { field: "gpu", slots },
    });
  }
  if (gpu !== undefined) return `gpu:${gpu}`;
  // A tiny training needs no card and must not wait for one.
  if (trainer === "tiny" || cards.length === 0)
    return slots.includes("cpu") ? "cpu" : (slots[0] ?? "cpu");
  const [only] = cards;
  if (cards.length === 1 && only !== undefined) return only;
  const load = await loadOf(agentId, context);
  return cards.reduce((least, slot) =>
    (load.get(slot) ?? 0) < (load.get(least) ?? 0) ? slot : least,
  );
}

/** How many jobs each queue holds, running ones among them. */
async function loadOf(agentId: string, context: EdgeContext): Promise<ReadonlyMap<string, number>> {
  const active = jobStates.filter((state) => !isTerminal(state));
  const { jobs } = unwrap(
    await context.hub.listJobs({ states: active, agentId, limit: activeMax, before: null }),
  );
  const load = new Map<string, number>();
  for (const { summary } of jobs) load.set(summary.slot, (load.get(summary.slot) ?? 0) + 1);
  return load;
}
