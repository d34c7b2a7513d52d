import { describe, it } from "vitest";
import { planKills, runKillPlan } from "../support/kill-run.ts";

describe("kill -9 while a training runs", () => {
  it("[W30] loses and doubles nothing, and the training goes on (agent, workerd, up once each)", async () => {
    await runKillPlan(planKills(1, 3, 1_500), { steps: 150, stepDelayMs: 80 });
  }, 120_000);
});
