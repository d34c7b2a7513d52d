import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import type { Env } from "../../../control-plane/env.ts";
import type { Job } from "../../../control-plane/job/job.ts";
import { unwrap } from "../../../control-plane/outcome.ts";
import { jobOf } from "../../../control-plane/stubs.ts";
import type { JobClient } from "../../../control-plane/stubs.ts";
import { fallingLoss } from "../support/judged-jobs.ts";

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
    trainer: "ai-toolkit",
    trainerVersion: null,
    document: {
      config: {
        name: "dog",
        process: [{ train: { steps: 3_000, lr: 1e-4 }, model: { name_or_path: "sdxl" } }],
      },
    },
    totalSteps: 3_000,
    datasets: [],
    guardrails: noGuardrailRules,
    slot: "cpu",
    createdAtMs: 1,
    createdBy: "owner",
  };
}

interface OneJob {
  readonly job: JobClient;
  readonly stub: DurableObjectStub<Job>;
  readonly send: (items: Item[], head?: Partial<Head>, attempt?: number) => Promise<void>;
  readonly facts: () => Promise<RunFacts>;
}

async function newJob(): Promise<OneJob> {
  serial += 1;
  const jobId = `aggregates_${serial}`;
  const job = jobOf(bindings, "owner", jobId);
  unwrap(await job.create(snapshotOf(jobId)));
  const next = new Map<number, number>();
  return {
    job,
    stub: bindings.JOB.getByName(`owner/${jobId}`),
    async send(items, head = {}, attempt = 1) {
      const from = next.get(attempt) ?? 1;
      next.set(attempt, from + items.length);
      const lastPoint = items.findLast((item) => item.kind === "metrics")?.steps.at(-1);
      const whole: Head = {
        state: "running",
        phase: "training",
        currentStep: lastPoint === undefined ? null : lastPoint + 1,
        totalSteps: 3_000,
        stepsPerSecond: 2,
        remainingSeconds: null,
        loss: null,
        lr: null,
        observedAtMs: 500 * ((lastPoint ?? 0) + 1),
        ...head,
      };
      unwrap(await job.ingest(attempt, from, items, whole, 10));
    },
    facts: async () => unwrap(await job.facts()),
  };
}

/** Two steps a second by the clock of the points, unless said otherwise. */
function points(from: number, count: number, change: Partial<Record<string, number>> = {}): Item {
  const steps = Array.from({ length: count }, (_, i) => from + i);
  return {
    kind: "metrics",
    steps,
    atMs: steps.map((step) => step * (change["msPerStep"] ?? 500)),
    values: { loss: steps.map((step) => change["loss"] ?? fallingLoss(step)) },
  };
}

const running: Item = { kind: "state", atMs: 5, state: "running" };

describe("what judging needs of a job", () => {
  it("is kept with every flush and costs no row more", async () => {
    const { send, job, facts } = await newJob();
    await send([running, points(0, 10)]);
    const before = (await job.usage()).rowsWritten;
    await send([points(10, 10)]);

    expect((await job.usage()).rowsWritten - before).toBe(1);
    expect((await facts()).loss).toMatchObject({ count: 20, lastStep: 19 });
    expect((await job.usage()).rowsWritten - before).toBe(1);
  });

  it("is the same in one frame, in many, over an eviction, and made anew from the series", async () => {
    const pieces = await newJob();
    for (let from = 0; from < limits.segmentPoints + 500; from += 100) {
      await pieces.send([points(from, 100)]);
      if (from === 1_000) await evictDurableObject(pieces.stub);
    }
    const kept = await pieces.facts();
    await evictDurableObject(pieces.stub);
    // The bar's rate is nowhere else: what was not written is gone.
    expect((await pieces.facts()).speed).toEqual(kept.speed);
    expect(kept.speed.count).toBe(26);
    await runInDurableObject(pieces.stub, (_job, ctx) => {
      ctx.storage.sql.exec("UPDATE head SET aggregates = NULL");
    });
    await evictDurableObject(pieces.stub);
    const remade = await pieces.facts();
    const once = await newJob();
    await once.send(
      Array.from({ length: 6 }, (_, n) => points(n * 450, Math.min(450, 2_600 - n * 450))),
    );

    expect(kept.loss.count).toBe(2_600);
    expect(remade.loss).toEqual(kept.loss);
    expect((await once.facts()).loss).toEqual(kept.loss);
    expect(remade.speed.first).toBeCloseTo(2, 5);
  });

  it("of an older version is made anew once, and then kept", async () => {
    const { send, stub, job, facts } = await newJob();
    await send([running, points(0, 300)]);
    await runInDurableObject(stub, (_job, ctx) => {
      ctx.storage.sql.exec("UPDATE head SET aggregates = ?", JSON.stringify({ version: 0 }));
    });
    await evictDurableObject(stub);
    const before = (await job.usage()).rowsWritten;
    await facts();
    await facts();

    expect((await job.usage()).rowsWritten - before).toBe(1);
    await send([points(300, 10)]);
    expect((await facts()).loss.count).toBe(310);
  });

  it("of a resumed job counts what ran again only once", async () => {
    const { send, facts, job } = await newJob();
    await send([running, points(0, 200, { loss: 0.9 })]);
    await send([running, points(100, 200, { loss: 0.1 })], {}, 2);
    const { loss, job: about } = await facts();

    expect(about.attempts).toBe(2);
    expect(loss.blocks.endStep.at(-1)).toBe(299);
    const before = loss.blocks.startStep.filter((step) => step < 100).length;
    expect(before).toBeGreaterThan(10);
    expect(loss.blocks.meanLog.slice(0, before).every((mean) => mean > Math.log(0.5))).toBe(true);
    expect(loss.blocks.meanLog.slice(before + 1).every((mean) => mean < Math.log(0.5))).toBe(true);
    const { chart } = unwrap(await job.chart("loss"));
    expect(chart.steps.length).toBe(300);
    expect(chart.middle[99]).toBeCloseTo(0.9, 5);
    expect(chart.middle[100]).toBeCloseTo(0.1, 5);
  });

  it("knows NaN, the alerts and the batches that did not fit", async () => {
    const { send, facts } = await newJob();
    const alert = (code: string, evidence: Record<string, number>, guardrail: boolean): Item => ({
      kind: "alert",
      atMs: 9,
      step: 3,
      code,
      severity: "critical",
      category: "memory",
      message: "m",
      evidence,
      guardrail,
    });
    await send([
      {
        kind: "metrics",
        steps: [0, 1, 2],
        atMs: [1, 2, 3],
        values: { loss: [1, "NaN", "Infinity"] },
      },
      alert("TRAINING_REPEATED_OOM", { oom_count: 3, survived_batches: 7 }, true),
    ]);
    for (let n = 0; n < 30; n += 1) await send([alert("OTHER", { n }, false)]);
    const found = await facts();

    expect(found.faults).toMatchObject({ nanSteps: 1, infSteps: 1, oomSkipped: 7 });
    expect(found.alerts).toHaveLength(limits.factAlerts);
    expect(found.loss).toMatchObject({ nanCount: 1, infCount: 1, usable: 1 });
  });

  it("holds what the edge noticed of it, in the order of time", async () => {
    const { send, facts, job } = await newJob();
    const noticed = {
      severity: "warning" as const,
      category: "system",
      message: "The box is offline.",
      jobId: null,
      agentId: null,
      step: null,
      evidence: {},
    };
    await send([running]);
    await job.addAlerts("dlv_1", [{ ...noticed, code: "BOX_OFFLINE", atMs: 20 }]);
    await job.addAlerts("dlv_2", [{ ...noticed, code: "EARLIER", atMs: 3 }]);

    expect((await facts()).alerts).toMatchObject([
      { code: "EARLIER", guardrail: false },
      { code: "BOX_OFFLINE", message: "The box is offline." },
    ]);
  });

  it("reads a validation loss under its trainers' names", async () => {
    const { send, facts } = await newJob();
    await send([
      {
        kind: "metrics",
        steps: [0, 1],
        atMs: [1, 2],
        values: { loss: [1, 1], eval_loss: [null, 2] },
      },
    ]);

    expect((await facts()).validationLoss).toMatchObject({ count: 1, last: 2 });
  });

  it("of a job without a process is all unknown", async () => {
    const { facts } = await newJob();
    const found = await facts();

    expect(found).toMatchObject({
      job: { state: "queued", attempts: 0, currentStep: null },
      config: { family: "sdxl", steps: 3_000, learningRate: 1e-4 },
      dataset: null,
      failure: null,
      hardware: null,
    });
    expect(found.loss.count + found.speed.count).toBe(0);
  });
});

describe("the speed of a run", () => {
  it("is the bar's, and only while the trainer trains", async () => {
    const { send, facts } = await newJob();
    await send([running, points(0, 100)], { stepsPerSecond: 2 });
    await send([points(100, 10)], { phase: "sampling", stepsPerSecond: 0.01 });
    await send([points(110, 10)], { phase: "saving", stepsPerSecond: 0.01 });
    await send([points(120, 10)], { stepsPerSecond: 2.2 });
    await send([points(130, 10)], { phase: null, stepsPerSecond: 2.1 });
    for (let from = 140; from < 310; from += 10) {
      await send([points(from, 10)], { stepsPerSecond: 2.1 });
    }
    await send([points(310, 10)], { phase: null, state: "completed", stepsPerSecond: 0.5 });

    expect((await facts()).speed).toMatchObject({ count: 20, min: 2, max: 2.2, last: 2.1 });
  });

  it("of what was missed while the box was off is that of the points, pauses left out", async () => {
    const { send, facts } = await newJob();
    const late = { currentStep: 3_000, stepsPerSecond: 9, observedAtMs: 9_000_000 };
    for (let from = 0; from < 2_000; from += 500) {
      const item = points(from, 500) as Extract<Item, { kind: "metrics" }>;
      // Sampling in the middle, for longer than the rest together.
      const atMs = item.atMs.map((at, i) => at + (from / 500) * 600_000 + (i > 250 ? 600_000 : 0));
      await send([{ ...item, atMs }], late);
    }
    const { speed } = await facts();

    expect(speed.count).toBeGreaterThan(30);
    expect(speed.min).toBeCloseTo(2, 5);
    expect(speed.max).toBeCloseTo(2, 5);
    expect(speed.wallClock).toMatchObject({ fromStep: 1, toStep: 2_000 });
  });

  it("is unknown where many points were read in one look", async () => {
    const { send, facts } = await newJob();
    const item = points(0, 500) as Extract<Item, { kind: "metrics" }>;
    await send([{ ...item, atMs: item.atMs.map(() => 7) }], { currentStep: 3_000 });

    expect((await facts()).speed.count).toBe(0);
  });
});

describe("a chart", () => {
  it("has at most 600 points, marks NaN, and loses no extreme", async () => {
    const { send, job } = await newJob();
    for (let from = 0; from < 5_000; from += 500) await send([points(from, 500, { loss: 0.5 })]);
    await send([
      { kind: "metrics", steps: [5_000, 5_001], atMs: [1, 2], values: { loss: ["NaN", 40] } },
    ]);
    const { chart, whole } = unwrap(await job.chart("loss"));

    expect(whole).toBe(true);
    expect(chart.points).toBe(5_001);
    expect(chart.steps.length).toBeLessThanOrEqual(600);
    expect(Math.max(...chart.high)).toBe(40);
    expect(chart.nonFiniteSteps).toEqual([5_000]);
  });

  it("of a very long series reads evenly chosen parts, the first and the last among them", async () => {
    const { send, job, stub } = await newJob();
    for (let from = 0; from < limits.segmentPoints * 3; from += 512) {
      await send([points(from, 500, { loss: 0.5 })]);
    }
    await runInDurableObject(stub, (_job, ctx) => {
      for (let copy = 10; copy < 10 + limits.chartSegments * 2; copy += 1) {
        ctx.storage.sql.exec(
          `INSERT INTO segments (attempt, number, first_step, last_step, body)
           SELECT attempt, ?1, ?1 * 2048, ?1 * 2048 + 2047, body FROM segments WHERE number = 0`,
          copy,
        );
      }
    });
    const { whole, chart } = unwrap(await job.chart("loss"));

    expect(whole).toBe(false);
    expect(chart.steps.length).toBe(600);
  });

  it("of a key that is not there is empty", async () => {
    const { send, job } = await newJob();
    await send([points(0, 10)]);

    expect(unwrap(await job.chart("grad_norm"))).toMatchObject({
      whole: true,
      chart: { points: 0 },
    });
  });
});
