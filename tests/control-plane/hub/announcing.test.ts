import { expect, it, describe } from "vitest";
import { newJobId } from "@trainyard/shared/ids.ts";
import type { Announce } from "@trainyard/shared/protocol/messages.ts";
import { connectAgent, fullCapabilities } from "../support/scripted-agent.ts";
import { createYard, until } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const found = (change: Partial<Announce["job"]> = {}): Announce["job"] => ({
  jobId: newJobId(),
  jobName: "cats & dogs",
  trainer: "ai-toolkit-ui",
  trainerVersion: "0.12.26",
  document: { config: { name: "cats & dogs", process: [{ train: { steps: 90 } }] } },
  totalSteps: 90,
  slot: "gpu:0",
  createdAtMs: 1_700_000_000_000,
  ...change,
});
const state = (name: "queued" | "running" | "stopped") => ({
  kind: "state" as const,
  atMs: 1,
  state: name,
});
const ui = {
  trainers: [
    ...fullCapabilities.trainers,
    { name: "ai-toolkit-ui", found: true, version: "0.12.26", reason: null },
  ],
};

/** A config of AI Toolkit, saved at the edge and started. */
async function startOne(yard: Yard): Promise<Record<string, any>> {
  await yard.call("create-training-config", { name: "dog", model_name: "flux", dataset: "dog" });
  return (await yard.call("start-training", { config_name: "dog" })).data;
}

describe("a job that a box found by itself", () => {
  it("[A2] is a job like any other, with its origin", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);
    expect(agent.accepts).toContain("announce");
    const job = found();
    const first = await agent.announce(job);
    expect(first).toEqual({ ok: true, attempt: 0, acked: 0, state: "queued", lastStep: null });
    await agent.events(job.jobId, [state("running")], { currentStep: 3, phase: "training" });

    expect((await yard.call("list-training-jobs", { detail: "full" })).data["jobs"]).toMatchObject([
      { job_id: job.jobId, job_name: "cats & dogs", origin: "ui", trainer: "ai-toolkit-ui" },
    ]);
    expect((await yard.mcp("list-training-jobs")).data["jobs"]).toMatchObject([{ origin: "ui" }]);
    const status = (await yard.call("get-training-status", { job_id: job.jobId })).data;
    expect(status).toMatchObject({
      origin: "ui",
      status: "running",
      total_steps: 100,
      created_at: "2023-11-14T22:13:20.000Z",
      config_snapshot: { config: { name: "cats & dogs" } },
    });
    expect((await yard.call("get-training-observability", { job_id: job.jobId })).status).toBe(200);
  });

  it("[A2] told again it is the same job, and the edge says where it stands", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);
    const job = found();
    await agent.announce(job);
    await agent.events(
      job.jobId,
      [
        state("running"),
        { kind: "metrics", steps: [1, 2, 7], atMs: [1, 1, 1], values: { loss: [1, 1, 1] } },
      ],
      {},
    );
    expect(await agent.announce({ ...job, jobName: "another name" })).toEqual({
      ok: true,
      attempt: 1,
      acked: 2,
      state: "running",
      lastStep: 7,
    });
    const { data } = await yard.call("list-training-jobs");
    expect(data["jobs"]).toHaveLength(1);
    expect(data["jobs"][0].job_name).toBe("cats & dogs");
  });

  it("[A4] holds its slot while it runs, and not while it waits in a queue that is not ours", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);
    const job = found();
    await agent.announce(job);
    await agent.events(job.jobId, [state("queued")], { state: "queued" });
    expect((await yard.call("get-training-status", { job_id: job.jobId })).data).toMatchObject({
      status: "queued",
      queue_position: null,
      info: expect.stringContaining("Web UI"),
    });
    expect(await startOne(yard)).toMatchObject({ queued: false });
    expect(agent.argsOf("start-attempt")).toHaveLength(1);

    const other = await createYard();
    const box = await connectAgent(other);
    const busy = found();
    await box.announce(busy);
    await box.events(busy.jobId, [state("running")], {});
    expect(await startOne(other)).toMatchObject({ queued: true, position: 1 });
    expect(box.argsOf("start-attempt")).toEqual([]);
    await box.events(busy.jobId, [state("stopped")], { state: "stopped" });
    await until("the start of what waited", async () => box.argsOf("start-attempt")[0] ?? null);
  });

  it("is stopped in the attempt that it is in, also while it waits there", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);
    const job = found();
    await agent.announce(job);
    await agent.events(job.jobId, [state("queued")], { state: "queued" });
    await yard.call("stop-training", { job_id: job.jobId });
    expect(agent.argsOf("stop-attempt")).toMatchObject([{ jobId: job.jobId, attempt: 1 }]);
  });

  it("is resumed by a start of its next attempt", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);
    const job = found();
    await agent.announce(job);
    await agent.events(job.jobId, [state("running"), state("stopped")], {
      state: "stopped",
      currentStep: 40,
      totalSteps: 90,
    });
    expect((await yard.call("resume-training", { job_id: job.jobId })).data).toMatchObject({
      resumed: true,
    });
    expect(agent.argsOf("start-attempt")).toMatchObject([
      { jobId: job.jobId, attempt: 2, trainer: "ai-toolkit-ui" },
    ]);
    await yard.call("stop-training", { job_id: job.jobId });
    expect(agent.argsOf("stop-attempt")).toMatchObject([{ attempt: 2 }]);
  });

  it("[A3] another box speaks for it only when the first is away", async () => {
    const yard = await createYard({ agents: 2 });
    const first = await connectAgent(yard);
    const second = await connectAgent(yard, {}, { at: 1 });
    const job = found();
    await first.announce(job);
    await first.events(job.jobId, [state("running")], {});
    expect(await second.announce(job)).toMatchObject({
      ok: false,
      error: { code: "IDENTITY_IN_USE" },
    });
    await first.close();
    expect(await second.announce(job)).toMatchObject({ ok: true, attempt: 1, acked: 1 });
    const { data } = await yard.call("list-training-jobs", { detail: "full" });
    expect(data["jobs"]).toMatchObject([{ job_id: job.jobId, agent_id: second.agentId }]);
  });

  it("[A3] a job that was started here is nobody else's to announce", async () => {
    const yard = await createYard({ agents: 2 });
    const first = await connectAgent(yard);
    const second = await connectAgent(yard, {}, { at: 1 });
    await yard.call("create-training-config", { name: "dog", model_name: "flux", dataset: "dog" });
    const started = await yard.call("start-training", {
      config_name: "dog",
      agent: first.agentId,
    });
    const jobId = String(started.data["job_id"]);
    await first.close();
    expect(await second.announce(found({ jobId }))).toMatchObject({ ok: false });
    const again = await connectAgent(yard);
    expect(await again.announce(found({ jobId }))).toMatchObject({ ok: true });
    const { data } = await yard.call("get-training-status", { job_id: jobId });
    expect(data).toMatchObject({ origin: "trainyard", agent_id: first.agentId });
  });
});

describe("a box with the Web UI", () => {
  it("runs jobs for AI Toolkit through it, and the tiny ones itself", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, {}, { capabilities: ui });
    expect(await startOne(yard)).toMatchObject({ trainer: "ai-toolkit-ui", origin: "trainyard" });
    expect(agent.argsOf("preflight")).toMatchObject([{ trainer: "ai-toolkit-ui" }]);
    await yard.call("create-training-config", { name: "t", model_name: "tiny", dataset: "dog" });
    expect((await yard.call("start-training", { config_name: "t" })).data).toMatchObject({
      trainer: "tiny",
    });
  });

  it("whose server does not answer is asked all the same, and says what is wrong", async () => {
    const yard = await createYard();
    const down = [
      ...fullCapabilities.trainers,
      { name: "ai-toolkit-ui", found: false, version: null, reason: "It did not answer then." },
    ];
    await connectAgent(
      yard,
      {
        preflight: () => ({
          trainer: { found: false, reason: "It does not answer." },
          datasets: [],
          freeBytes: 1e12,
        }),
      },
      { capabilities: { trainers: down } },
    );
    await yard.call("create-training-config", { name: "dog", model_name: "flux", dataset: "dog" });
    const refused = await yard.call("start-training", { config_name: "dog" });
    expect(refused).toMatchObject({
      status: 503,
      error: { code: "TRAINER_UNREACHABLE", details: { reason: "It does not answer." } },
    });
  });

  it("that does not hear from its server says whose last word it shows", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);
    const job = found();
    await agent.announce(job);
    await agent.events(
      job.jobId,
      [state("running"), { ...state("running"), evidence: { server_unreachable: true } }],
      { currentStep: 4 },
    );
    expect((await yard.mcp("get-training-status", { job_id: job.jobId })).text).toContain(
      "Web UI does not answer",
    );
  });
});
