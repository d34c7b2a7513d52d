import { describe, expect, it } from "vitest";
import { jobEndAlert } from "../../../shared/alerts/job-alerts.ts";
import type { JobSummary } from "../../../shared/jobs/summary.ts";

const completed = {
  jobId: "job_1",
  agentId: "agt_1",
  jobName: "cats",
  configName: "cats",
  state: "completed",
  attempt: 1,
  currentStep: 200,
  totalSteps: 200,
  firstLoss: 1,
  loss: 0.1,
  stop: null,
  failure: null,
  model: null,
  evidence: null,
} as unknown as JobSummary;

describe("the alert of a job that completed", () => {
  it("says that its model is verified", () => {
    expect(jobEndAlert(completed, 1)).toMatchObject({
      severity: "info",
      message: expect.stringContaining("verified"),
    });
  });

  it("does not vouch for a model that was trained on NaN", () => {
    const evidence = {
      diagnosis: "degraded",
      cause: "The loss is not a number.",
      fix: "Lower the learning rate.",
      root_cause_line: "loss is nan",
    };
    const alert = jobEndAlert({ ...completed, evidence }, 1);

    expect(alert.severity).toBe("warning");
    expect(alert.message).toContain("Lower the learning rate.");
    expect(alert.message).not.toMatch(/verified|loss is nan/);
  });
});
