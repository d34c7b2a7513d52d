import { describe, it } from "vitest";
import { planKills, runKillPlan } from "../support/kill-run.ts";

/** Twenty points; another seed with TRAINYARD_SEED. */
const seed = Number(process.env["TRAINYARD_SEED"] ?? Date.now() % 100_000);

describe("kill -9 at twenty random points of one training", () => {
  it(`seed ${seed}`, async () => {
    await runKillPlan(planKills(seed, 20, 3_000), { steps: 1_300, stepDelayMs: 90 });
  }, 600_000);
});
