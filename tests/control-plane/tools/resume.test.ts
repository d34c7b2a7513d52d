import { AppError } from "@trainyard/shared/errors.ts";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import { describe, expect, it } from "vitest";
import { connectAgent } from "../support/scripted-agent.ts";
import type { ScriptedAgent, Script } from "../support/scripted-agent.ts";
import { createYard, until } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

interface Ended {
  readonly yard: Yard;
  readonly agent: ScriptedAgent;
  readonly jobId: string;
}

const checkpoint = (step: number, valid = true): Item => ({
  kind: "checkpoint",
  atMs: step,
  step,
  path: `outputs/cats/cats_${String(step).padStart(9, "0")}.safetensors`,
  bytes: 100,
  valid,
  final: false,
});

const points = (from: number, to: number, loss: number): Item => ({
  kind: "metrics",
  steps: Array.from({ length: to - from }, (_, n) => from + n),
  atMs: Array.from({ length: to - from }, (_, n) => n),
  values: { loss: Array.from({ length: to - from }, () => loss) },
});

/** A job of 100 steps whose first attempt made 42 and failed behind the checkpoint of step 40. */
async function ended(
  end: Partial<Extract<Item, { kind: "state" }>> = {},
  script: Script = {},
): Promise<Ended> {
  const yard = await createYard();
  const agent = await connectAgent(yard, script);
  await yard.call("create-training-config", {
    name: "cats",
    model_name: "tiny",
    dataset_path: "cats",
    steps: 100,
  });
  const started = await yard.call("start-training", { config_name: "cats" });
  const jobId = String(started.data["job_id"]);
  await agent.events(
    jobId,
    [
      { kind: "state", atMs: 1, state: "running", startStep: 0 },
      points(0, 42, 1),
      checkpoint(20),
      checkpoint(40),
      checkpoint(41, false),
      { kind: "state", atMs: 99, state: "failed", failure: null, evidence: {}, ...end },
    ],
    { state: end.state ?? "failed", currentStep: 42, totalSteps: 100 },
  );
  return { yard, agent, jobId };
}

const lastStart = (agent: ScriptedAgent) => agent.argsOf("start-attempt").at(-1);

describe("resume-training", () => {
  it("gives the box another attempt of the same job, and says from which step it goes on", async () => {
    const { yard, agent, jobId } = await ended();

    const { data, text } = await yard.call("resume-training", { job_id: jobId });

    expect(data).toMatchObject({
      success: true,
      resumed: true,
      queued: false,
      from_step: 40,
      state: "queued",
    });
    expect(text).toContain("It goes on from step 40.");
    const [first, second] = agent.argsOf("start-attempt");
    expect(second).toEqual({ ...first, attempt: 2 });
  });

  it("shows the newest attempt, and one series that both made", async () => {
    const { yard, agent, jobId } = await ended({
      failure: { code: "KILLED", message: "It was killed.", fix: "Start it again." },
    });
    await yard.call("resume-training", { job_id: jobId });
    expect((await yard.call("get-training-status", { job_id: jobId })).data).toMatchObject({
      state: "queued",
      failure: null,
      current_step: 42,
    });

    await agent.events(
      jobId,
      [{ kind: "state", atMs: 200, state: "running", startStep: 40 }, points(40, 60, 2)],
      { state: "running", currentStep: 60, totalSteps: 100 },
      2,
    );

    const { data } = await yard.call("get-training-status", { job_id: jobId });
    expect(data).toMatchObject({
      state: "running",
      attempt: 2,
      failure: null,
      current_step: 60,
      attempts: [
        { attempt: 1, state: "failed" },
        { attempt: 2, state: "running", start_step: 40 },
      ],
    });
    const response = await yard.fetch(`/jobs/${jobId}/metrics?key=loss&limit=1000`, {
      headers: { authorization: `Bearer ${yard.tokens.read}` },
    });
    const series = (await response.json()) as { steps: number[]; values: number[] };
    expect(series.steps).toEqual(Array.from({ length: 60 }, (_, step) => step));
    expect(series.values.slice(38, 42)).toEqual([1, 1, 2, 2]);
  });

  it("leaves a job that runs or waits alone, however often it is asked", async () => {
    const { yard, agent, jobId } = await ended();
    await yard.call("resume-training", { job_id: jobId });
    const again = await yard.call("resume-training", { job_id: jobId });

    expect(again.data).toMatchObject({ success: true, resumed: false });
    expect(agent.argsOf("start-attempt")).toHaveLength(2);
  });

  it("waits behind those that wait already, and is taken out of the queue as it was", async () => {
    const { yard, agent, jobId } = await ended();
    const start = async () =>
      String(
        (await yard.call("start-training", { config_name: "cats", force_new: true })).data[
          "job_id"
        ],
      );
    const running = await start();
    const waiting = await start();

    const resumed = await yard.call("resume-training", { job_id: jobId });
    expect(resumed.data).toMatchObject({ queued: true, queue_position: 2 });
    await yard.call("stop-training", { job_id: jobId });
    expect((await yard.call("get-training-status", { job_id: jobId })).data).toMatchObject({
      state: "failed",
      attempt: 1,
      stop: null,
    });

    await yard.call("resume-training", { job_id: jobId });
    await agent.events(running, [{ kind: "state", atMs: 5, state: "failed" }], { state: "failed" });
    await until("the one that waited", async () => lastStart(agent)?.jobId === waiting);
    await agent.events(waiting, [{ kind: "state", atMs: 5, state: "failed" }], { state: "failed" });
    await until("the resumed one", async () => lastStart(agent)?.jobId === jobId);
    expect(lastStart(agent)).toMatchObject({ attempt: 2 });
  });

  it("reaches the attempt that is on its way with a stop", async () => {
    const { yard, agent, jobId } = await ended();
    await yard.call("resume-training", { job_id: jobId });
    await yard.call("stop-training", { job_id: jobId });

    expect(agent.argsOf("stop-attempt")).toMatchObject([{ jobId, attempt: 2 }]);
  });

  it("trains a completed job further when it gets more steps, and keeps its snapshot", async () => {
    const { yard, agent, jobId } = await ended({ state: "completed" });
    expect((await yard.call("resume-training", { job_id: jobId, steps: 40 })).error).toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { field: "steps", current_step: 42 },
    });

    const { data } = await yard.call("resume-training", { job_id: jobId, steps: 250 });

    expect(data).toMatchObject({ resumed: true, total_steps: 250 });
    expect(lastStart(agent)).toMatchObject({
      totalSteps: 250,
      document: { config: { process: [{ train: { steps: 250 } }] } },
    });
    const status = await yard.call("get-training-status", { job_id: jobId, detail: "full" });
    expect(status.data["config_snapshot"]).toMatchObject({
      config: { process: [{ train: { steps: 100 } }] },
    });
  });

  it("has nothing to do for a job that made all its steps", async () => {
    const { yard, agent, jobId } = await ended();
    await yard.call("resume-training", { job_id: jobId });
    await agent.events(
      jobId,
      [
        { kind: "state", atMs: 300, state: "running", startStep: 40 },
        { kind: "state", atMs: 400, state: "completed" },
      ],
      { state: "completed", currentStep: 100, totalSteps: 100 },
      2,
    );

    expect((await yard.call("resume-training", { job_id: jobId })).error).toMatchObject({
      code: "INVALID_ARGUMENT",
      hint: "Give steps above 100 to train it further.",
    });
  });

  it("tells why the box would not, and can be asked again", async () => {
    let refuses = false;
    const { yard, jobId } = await ended(
      {},
      {
        "start-attempt": () => {
          if (!refuses) return { accepted: true };
          throw new AppError("DATASET_NOT_FOUND", "There is no dataset cats on this box.", {
            hint: "Upload it.",
          });
        },
      },
    );
    refuses = true;
    await yard.call("resume-training", { job_id: jobId });
    const refused = await until("the refusal", async () => {
      const { data } = await yard.call("get-training-status", { job_id: jobId });
      return data["state"] === "failed" && data;
    });
    expect(refused).toMatchObject({
      attempt: 1,
      failure: { code: "START_REFUSED", message: "There is no dataset cats on this box." },
    });

    refuses = false;
    expect((await yard.call("resume-training", { job_id: jobId })).data).toMatchObject({
      resumed: true,
      failure: null,
    });
  });

  it("begins anew what was taken out of the queue before it ran", async () => {
    const { yard, agent } = await ended();
    const start = async () =>
      String(
        (await yard.call("start-training", { config_name: "cats", force_new: true })).data[
          "job_id"
        ],
      );
    const running = await start();
    const cancelled = await start();
    await yard.call("stop-training", { job_id: cancelled });

    const { data } = await yard.call("resume-training", { job_id: cancelled });
    expect(data).toMatchObject({ resumed: true, queued: true, from_step: null, stop: null });
    await agent.events(running, [{ kind: "state", atMs: 5, state: "failed" }], { state: "failed" });
    await until("its start", async () => lastStart(agent)?.jobId === cancelled);
    expect(lastStart(agent)).toMatchObject({ attempt: 1 });
  });

  it("does not know a job that is not there", async () => {
    const yard = await createYard();
    expect((await yard.call("resume-training", { job_id: "job_x" })).error?.code).toBe(
      "JOB_NOT_FOUND",
    );
  });
});
