import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { judgeThroughput } from "@trainyard/shared/analysis/throughput.ts";
import type { Throughput } from "@trainyard/shared/analysis/throughput.ts";
import type { Failure } from "@trainyard/shared/jobs/failure.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import type { Env } from "../../../control-plane/env.ts";
import { unwrap } from "../../../control-plane/outcome.ts";
import { jobOf } from "../../../control-plane/stubs.ts";
import { observe } from "../support/observed-run.ts";
import type { ObservedFrame } from "../support/observed-run.ts";

const bindings = env as unknown as Env;
let serial = Date.now();

interface OneJob {
  readonly jobId: string;
  readonly send: (frames: readonly ObservedFrame[], attempt?: number) => Promise<void>;
  readonly facts: () => Promise<RunFacts>;
  readonly speed: () => Promise<Throughput>;
}

async function newJob(): Promise<OneJob> {
  serial += 1;
  const jobId = `speed_${serial}`;
  const job = jobOf(bindings, "owner", jobId);
  unwrap(
    await job.create({
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
          process: [{ train: { steps: 200 }, model: { name_or_path: "sdxl" } }],
        },
      },
      totalSteps: 200,
      datasets: [
        {
          reference: "cats",
          name: "cats",
          exists: true,
          isDirectory: true,
          images: 12,
          captioned: 12,
          emptyCaptions: 0,
          totalBytes: 1_000,
          fingerprint: null,
          scanLimited: false,
        },
      ],
      guardrails: noGuardrailRules,
      slot: "cpu",
      createdAtMs: 1,
      createdBy: "owner",
    }),
  );
  const next = new Map<number, number>();
  const facts = async (): Promise<RunFacts> => unwrap(await job.facts());
  return {
    jobId,
    async send(frames, attempt = 1) {
      for (const { items, head } of frames) {
        const from = next.get(attempt) ?? 1;
        next.set(attempt, from + items.length);
        const whole: Head = {
          state: "running",
          phase: null,
          currentStep: null,
          totalSteps: 200,
          stepsPerSecond: null,
          remainingSeconds: null,
          loss: null,
          lr: null,
          observedAtMs: 0,
          ...head,
        };
        unwrap(await job.ingest(attempt, from, items, whole, 10));
      }
    },
    facts,
    async speed() {
      const { speed, config } = await facts();
      return judgeThroughput(speed, config);
    },
  };
}

/** Within a tenth. */
function near(value: number | null, truth: number): void {
  expect(value).toBeGreaterThan(truth * 0.9);
  expect(value).toBeLessThan(truth * 1.1);
}

describe("the speed of a short run", () => {
  it.each([
    ["looked at twice a second", 500],
    ["looked at ten times a second", 100],
  ])("with saves between its frames is that of its steps, %s", async (_, lookMs) => {
    const { send, speed } = await newJob();
    const save = { every: 20, ms: 300 };
    await send(observe({ steps: 200, speed: 12, lookMs, frameMs: 1_000, save, bar: 10 }));
    const found = await speed();

    near(found.median, 12);
    near(found.mean, 12);
    // 200 steps with nine saves among them, neither loading nor the last save.
    near(found.effective, 199 / (199 / 12 + 9 * 0.3));
    expect(found.score.value).toBe(95);
  });

  it("is known where no frame came while it trained", async () => {
    const { send, speed, facts } = await newJob();
    await send(
      observe({ steps: 200, speed: 14, save: { every: 20, ms: 200 }, frameMs: null, bar: null }),
    );

    near((await speed()).median, 14);
    expect((await facts()).speed.source).toBe("points");
  });

  it("is known of one frame, that at the end", async () => {
    const { send, speed } = await newJob();
    await send(observe({ steps: 150, speed: 12.5 }));
    const found = await speed();

    near(found.median, 12.5);
    near(found.effective, 12.5);
  });

  it("of nine steps is that of its looks, not of the bar that began slowly", async () => {
    const { send, speed } = await newJob();
    await send(observe({ steps: 9, speed: 32, lookMs: 100, bar: 11.78 }));
    const { median } = await speed();

    expect(median).toBeGreaterThan(25);
    expect(median).toBeLessThan(40);
  });

  it("does not count long pauses, and sees a training that becomes slow", async () => {
    const paused = await newJob();
    await paused.send(observe({ steps: 200, speed: 12, save: { every: 50, ms: 20_000 } }));
    near((await paused.speed()).mean, 12);

    const slowed = await newJob();
    const quick = observe({ steps: 100, speed: 12 });
    const slow = observe({ steps: 100, speed: 2 }).flatMap(({ items, head }) => ({
      head,
      items: items.map((item) => (item.kind === "metrics" ? later(item, 100, 60_000) : item)),
    }));
    await slowed.send([...quick.slice(0, -1), { ...quick.at(-1)!, head: {} }, ...slow.slice(1)]);
    expect(await slowed.speed()).toMatchObject({ trend: "slowing_down" });
  });

  it("is not moved by a time in which nobody looked", async () => {
    const { send, speed } = await newJob();
    await send(observe({ steps: 300, speed: 12, away: { fromMs: 5_000, toMs: 15_000 } }));

    near((await speed()).median, 12);
  });

  it("is the bar's where everything was read in one look, whatever the trainer did then", async () => {
    const { send, speed } = await newJob();
    await send(observe({ steps: 40, speed: 100, lookMs: 2_000, bar: 96 }));

    expect(await speed()).toMatchObject({ median: 96, count: 1, effective: null });
  });

  it("is unknown after one look without a bar", async () => {
    const { send, speed } = await newJob();
    await send(observe({ steps: 40, speed: 100, lookMs: 2_000, bar: null }));

    expect(await speed()).toMatchObject({ median: null, count: 0, score: { value: null } });
  });

  it("is that of both attempts of a resumed job, the time between them apart", async () => {
    const { send, speed } = await newJob();
    const frames = observe({ steps: 150, speed: 12 });
    await send([...frames.slice(0, -1), { ...frames.at(-1)!, head: {} }]);
    await send(
      observe({ steps: 150, speed: 12 }).map(({ items, head }) => ({
        head,
        items: items.map((item) => (item.kind === "metrics" ? later(item, 150, 9e6) : item)),
      })),
      2,
    );
    const found = await speed();

    near(found.median, 12);
    near(found.effective, 12);
  });

  it("is the same over an eviction, and made anew from the series", async () => {
    const { send, speed, jobId } = await newJob();
    const frames = observe({ steps: 200, speed: 12, frameMs: 1_000 });
    const stub = bindings.JOB.getByName(`owner/${jobId}`);
    await send(frames.slice(0, 6));
    await evictDurableObject(stub);
    await send(frames.slice(6, 7));
    const { median } = await speed();
    await runInDurableObject(stub, (_job, ctx) => {
      ctx.storage.sql.exec("UPDATE head SET aggregates = NULL");
    });
    await evictDurableObject(stub);

    near(median, 12);
    expect((await speed()).median).toBe(median);
  });

  it("is kept small over any number of looks", async () => {
    const { send, speed, jobId } = await newJob();
    await send(observe({ steps: 4_000, speed: 3, frameMs: 120_000, bar: null }));
    near((await speed()).median, 3);
    await runInDurableObject(bindings.JOB.getByName(`owner/${jobId}`), (_job, ctx) => {
      const { aggregates } = ctx.storage.sql.exec("SELECT aggregates FROM head").one();
      const { pace } = JSON.parse(aggregates as string) as { pace: unknown };
      expect(JSON.stringify(pace).length).toBeLessThan(2_000);
    });
  });
});

function later(
  item: Extract<Item, { kind: "metrics" }>,
  steps: number,
  ms: number,
): Extract<Item, { kind: "metrics" }> {
  return {
    ...item,
    steps: item.steps.map((step) => step + steps),
    atMs: item.atMs.map((at) => at + ms),
  };
}

describe("the dataset of a job that failed over it", () => {
  async function failedWith(code: Failure["code"]): Promise<ReturnType<typeof judgeRun>> {
    const { send, facts } = await newJob();
    const failure: Failure = { code, message: "m", fix: "f" };
    await send([
      { items: [{ kind: "state", atMs: 1, state: "running" }], head: {} },
      { items: [{ kind: "state", atMs: 2, state: "failed", failure }], head: { state: "failed" } },
    ]);
    return judgeRun(await facts());
  }

  it("is not scored by what was counted at the start when the trainer found it empty", async () => {
    const { components, findings, facts } = await failedWith("DATASET_EMPTY");

    expect(facts.dataset).toMatchObject({ exists: true, images: null, captioned: null });
    expect(components.dataset).toMatchObject({ value: null, unknown: "dataset_found_empty" });
    expect(findings).toContainEqual(
      expect.objectContaining({ code: "DATASET_EMPTY", evidence: { images_at_start: 12 } }),
    );
  });

  it("is not scored when the trainer did not find it", async () => {
    const { components, findings } = await failedWith("DATASET_MISSING");

    expect(components.dataset).toMatchObject({ value: null, unknown: "dataset_not_found" });
    expect(findings.map(({ code }) => code)).toContain("DATASET_NOT_FOUND");
  });

  it("is scored when the job failed over something else", async () => {
    const { components, findings } = await failedWith("OOM_GPU");

    expect(components.dataset.value).toBe(100);
    expect(findings.map(({ category }) => category)).not.toContain("dataset");
  });
});
