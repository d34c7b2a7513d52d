import { defaultGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Env } from "../../../control-plane/env.ts";
import type { Ingestion, Job } from "../../../control-plane/job/job.ts";
import { unwrap } from "../../../control-plane/outcome.ts";
import type { Outcome } from "../../../control-plane/outcome.ts";
import { jobOf } from "../../../control-plane/stubs.ts";
import type { JobClient } from "../../../control-plane/stubs.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";

const bindings = env as unknown as Env;
let serial = Date.now();

function snapshotOf(jobId: string): JobSnapshot {
  return {
    jobId,
    owner: "owner",
    agentId: "agent_1",
    agentName: "box",
    jobName: "dog",
    configName: "dog",
    trainer: "tiny",
    trainerVersion: null,
    document: { config: { name: "dog" } },
    totalSteps: 100,
    datasets: [],
    guardrails: defaultGuardrailRules,
    slot: "cpu",
    createdAtMs: 1,
    createdBy: "owner",
  };
}

async function newJob(): Promise<{ job: JobClient; stub: DurableObjectStub<Job> }> {
  serial += 1;
  const jobId = `job_${serial}`;
  const job = jobOf(bindings, "owner", jobId);
  unwrap(await job.create(snapshotOf(jobId)));
  return { job, stub: bindings.JOB.getByName(`owner/${jobId}`) };
}

const head = (currentStep: number, state: Head["state"] = "running"): Head => ({
  state,
  phase: "training",
  currentStep,
  totalSteps: 100,
  stepsPerSecond: 2,
  remainingSeconds: null,
  loss: 0.5,
  lr: 1e-4,
  observedAtMs: 1_000 + currentStep,
});

const point = (step: number, loss: number | "NaN"): Item => ({
  kind: "metrics",
  steps: [step],
  atMs: [step],
  values: { loss: [loss] },
});

const state = (name: Head["state"]): Item => ({ kind: "state", atMs: 5, state: name });

const checkpoint = (step: number): Item => ({
  kind: "checkpoint",
  atMs: step,
  step,
  path: `outputs/dog/dog_${step}.safetensors`,
  bytes: 8,
  valid: true,
  final: false,
});

function taken(result: Outcome<Ingestion>): Ingestion {
  return unwrap(result);
}

describe("the Job object", () => {
  it("[R1][R2][R3] commits each item once, whatever is sent again", async () => {
    const { job } = await newJob();
    const items = [state("starting"), state("running"), point(0, 0.5), point(1, 0.4)];

    expect(taken(await job.ingest(1, 1, items, head(2), 10)).acked).toBe(4);
    expect(taken(await job.ingest(1, 1, items, head(2), 11)).acked).toBe(4);
    expect(
      taken(await job.ingest(1, 3, [...items.slice(2), point(2, 0.3)], head(3), 12)).acked,
    ).toBe(5);
    const page = unwrap(await job.series({ key: "loss", from: 0, limit: 10, attempt: null }));
    expect(page).toMatchObject({ steps: [0, 1, 2], values: [0.5, 0.4, 0.3], next: null });
    expect(unwrap(await job.events(["state"], 10)).map((event) => event.seq)).toEqual([1, 2]);
  });

  it("[R3] [B58] keeps what it committed first under a number, whatever comes under it again", async () => {
    const { job } = await newJob();
    await job.ingest(1, 1, [state("running"), point(0, 0.5)], head(1), 10);
    const again = taken(await job.ingest(1, 1, [state("failed"), point(0, 99)], head(1), 11));

    expect(again).toMatchObject({ acked: 2, expected: null });
    const page = unwrap(await job.series({ key: "loss", from: 0, limit: 10, attempt: null }));
    expect(page).toMatchObject({ steps: [0], values: [0.5] });
    expect(unwrap(await job.events(["state"], 10))).toMatchObject([
      { seq: 1, item: { state: "running" } },
    ]);
    expect(unwrap(await job.summary()).state).toBe("running");
  });

  it("[R4] [B58] answers a hole with the number it misses and keeps nothing of the frame", async () => {
    const { job } = await newJob();
    const refused = taken(await job.ingest(1, 3, [point(9, 0.1)], head(9), 10));

    expect(refused).toMatchObject({ acked: 0, expected: 1 });
    expect(
      unwrap(await job.series({ key: "loss", from: 0, limit: 10, attempt: null })).steps,
    ).toEqual([]);
  });

  it("keeps everything over an eviction: memory is a cache", async () => {
    const { job, stub } = await newJob();
    await job.ingest(1, 1, [state("running"), point(0, 0.5), point(1, "NaN")], head(2), 10);
    await evictDurableObject(stub);

    expect(taken(await job.ingest(1, 4, [point(2, 0.2)], head(3), 11)).acked).toBe(4);
    const summary = unwrap(await job.summary());
    expect(summary).toMatchObject({
      state: "running",
      firstLoss: 0.5,
      loss: 0.2,
      nanSteps: 1,
      points: 3,
    });
    expect(
      unwrap(await job.series({ key: "loss", from: 0, limit: 10, attempt: null })).values,
    ).toEqual([0.5, "NaN", 0.2]);
  });

  it("seals full segments and reads across them", async () => {
    const { job, stub } = await newJob();
    const count = limits.segmentPoints * 3 + 7;
    for (let from = 0; from < count; from += 500) {
      const steps = Array.from({ length: Math.min(500, count - from) }, (_, i) => from + i);
      const item: Item = {
        kind: "metrics",
        steps,
        atMs: steps,
        values: { loss: steps.map((n) => n / 1_000) },
      };
      await job.ingest(1, from / 500 + 1, [item], head(from), 10);
    }
    await evictDurableObject(stub);
    const page = unwrap(await job.series({ key: "loss", from: 2_040, limit: 20, attempt: null }));

    expect(page.steps).toEqual(Array.from({ length: 20 }, (_, i) => 2_040 + i));
    expect(page.next).toBe(2_060);
    const all = unwrap(await job.series({ key: "loss", from: 0, limit: 10_000, attempt: null }));
    expect(all.steps.length).toBe(count);
    const segments = await runInDurableObject(stub, (_job, ctx) =>
      ctx.storage.sql.exec("SELECT count(*) AS n FROM segments").one(),
    );
    expect(segments["n"]).toBe(2);
  });

  it("[J1] a terminal state never changes", async () => {
    const { job } = await newJob();
    await job.ingest(1, 1, [state("running"), state("failed")], head(3, "failed"), 10);
    await job.ingest(1, 3, [state("running"), state("completed")], head(4, "completed"), 11);

    expect(unwrap(await job.summary()).state).toBe("failed");
    expect(unwrap(await job.events(["state"], 10)).length).toBe(4);
  });

  it("[J2] an older attempt's items are kept and change nothing", async () => {
    const { job } = await newJob();
    await job.ingest(1, 1, [state("running"), point(0, 0.9), point(1, 0.8)], head(2), 10);
    await job.ingest(2, 1, [state("running"), point(1, 0.3)], head(2), 11);
    await job.ingest(1, 4, [state("failed")], head(2, "failed"), 12);

    expect(unwrap(await job.summary())).toMatchObject({ attempt: 2, state: "running" });
    const shown = unwrap(await job.series({ key: "loss", from: 0, limit: 10, attempt: null }));
    expect(shown).toMatchObject({ steps: [0, 1], values: [0.9, 0.3], attempts: [1, 2] });
    const first = unwrap(await job.series({ key: "loss", from: 0, limit: 10, attempt: 1 }));
    expect(first.values).toEqual([0.9, 0.8]);
  });

  it("remembers what the job did while a resume of it has told nothing", async () => {
    const { job, stub } = await newJob();
    await job.ingest(1, 1, [state("running"), checkpoint(40), state("stopped")], head(46), 10);
    await job.requestResume({ by: "user", atMs: 11, steps: null });
    const silent = { ...head(0, "failed"), currentStep: null, totalSteps: null };
    await job.ingest(2, 1, [state("starting"), state("failed")], silent, 12);

    const known = { currentStep: 46, checkpoints: 1, lastCheckpoint: { step: 40 } };
    expect(unwrap(await job.summary())).toMatchObject({ attempt: 2, state: "failed", ...known });
    await evictDurableObject(stub);
    expect(unwrap(await job.summary())).toMatchObject(known);
    expect(await job.requestResume({ by: "user", atMs: 13, steps: 46 })).toMatchObject({
      ok: false,
      error: { code: "INVALID_ARGUMENT", message: "The job has made 46 steps already." },
    });
    await job.ingest(1, 4, [checkpoint(46)], head(46, "stopped"), 14);
    expect(unwrap(await job.summary())).toMatchObject({
      checkpoints: 2,
      lastCheckpoint: { step: 46 },
    });
    await job.requestResume({ by: "user", atMs: 15, steps: null });
    await job.ingest(3, 1, [state("running"), checkpoint(60)], head(61), 16);
    expect(unwrap(await job.summary())).toMatchObject({
      currentStep: 61,
      checkpoints: 3,
      lastCheckpoint: { step: 60 },
    });
  });

  it("[R5] shows the newest truth of a hello before the catch-up", async () => {
    const { job } = await newJob();
    await job.ingest(1, 1, [state("running")], head(2), 10);
    const attached = taken(await job.attach(1, head(90, "stopping"), 20));

    expect(attached).toMatchObject({ acked: 1, summary: { state: "stopping", currentStep: 90 } });
  });

  it("writes one row for a flush that brings only points: the head", async () => {
    const { job } = await newJob();
    await job.ingest(1, 1, [state("running"), point(0, 1)], head(1), 10);
    const before = (await job.usage()).rowsWritten;
    await job.ingest(1, 3, [point(1, 1), point(2, 1)], head(3), 11);

    expect((await job.usage()).rowsWritten - before).toBe(1);
  });

  it("a job that never started ends once", async () => {
    const { job } = await newJob();
    await job.endBeforeStart({ state: "stopped", stop: null, failure: null, evidence: null }, 5);
    await job.endBeforeStart({ state: "failed", stop: null, failure: null, evidence: null }, 6);

    expect(unwrap(await job.summary())).toMatchObject({
      state: "stopped",
      endedAtMs: 5,
      attempt: 0,
    });
  });

  it("an unknown job is unknown", async () => {
    expect(await jobOf(bindings, "owner", "job_never").summary()).toMatchObject({
      ok: false,
      error: { code: "JOB_NOT_FOUND" },
    });
  });
});
