import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  actingRules,
  defaultGuardrailRules,
  freshGuardrailState,
  guardrailCodes,
  guardrailRulesSchema,
  longestTickMs,
  noGuardrailRules,
  observe,
  restoreGuardrails,
  withNewRules,
} from "../../../../shared/analysis/guards/guardrails.ts";
import type {
  GuardrailRules,
  GuardrailState,
  Observation,
  Trigger,
} from "../../../../shared/analysis/guards/guardrails.ts";
import type { LogPhase } from "../../../../shared/logs/ai-toolkit/log-events.ts";

const seed = Number(process.env["FC_SEED"] ?? 20261121);
const defaults = defaultGuardrailRules;

/** A run as the agent sees it: its own clock, its bar, its losses. */
function run(rules: GuardrailRules = defaults, from: GuardrailState = freshGuardrailState) {
  let state = from;
  let ranMs = 0;
  const triggers: Trigger[] = [];
  const take = (observation: Observation): void => {
    // What is saved must be enough to go on: through JSON each time.
    const judged = observe(rules, state, observation);
    state = judged.state;
    triggers.push(...judged.triggers);
  };
  const self = {
    triggers,
    codes: () => triggers.map(({ code }) => code),
    state: () => JSON.parse(JSON.stringify(state)) as GuardrailState,
    phase: (phase: LogPhase) => take({ kind: "event", event: { kind: "phase", phase } }),
    bar: (currentStep: number, stepsPerSecond: number | null = 1, totalSteps = 1_000_000) =>
      take({
        kind: "event",
        event: {
          kind: "progress",
          currentStep,
          totalSteps,
          stepsPerSecond,
          remainingSeconds: null,
        },
      }),
    loss: (step: number, loss: number) => take({ kind: "loss", step, loss }),
    oom: (n = 1) => take({ kind: "event", event: { kind: "oomSkipped", n } }),
    /** Time passes in ticks of half a second. */
    pass(
      seconds: number,
      disk: { freeBytes: number; checkpointBytes: number | null } | null = null,
    ) {
      for (let ms = 0; ms < seconds * 1_000; ms += 500) {
        ranMs += 500;
        take({ kind: "tick", elapsedMs: 500, ranMs, disk });
      }
    },
    jump: (elapsedMs: number) => {
      ranMs += elapsedMs;
      take({ kind: "tick", elapsedMs, ranMs, disk: null });
    },
    /** Training that has made some steps. */
    begun: (stepsPerSecond = 1) => {
      self.phase("training");
      self.bar(0, null);
      self.bar(1, stepsPerSecond);
      return self;
    },
  };
  return self;
}

describe("NaN", () => {
  it("fires once, at the threshold", () => {
    const job = run({ ...defaults, nanThreshold: 2 });
    [0.5, Number.NaN, 0.4, Number.NaN, Number.NaN].forEach((loss, step) => job.loss(step, loss));

    expect(job.triggers).toMatchObject([
      {
        code: "TRAINING_NAN_LOSS",
        step: 3,
        act: "stop",
        save: true,
        evidence: { nan_steps: 2, first_nan_step: 1, threshold: 2 },
      },
    ]);
    expect(job.state()).toMatchObject({ nanSteps: 3, firstNanStep: 1 });
  });

  it("counts without firing when it is off", () => {
    const job = run(noGuardrailRules);
    for (let step = 0; step < 9; step += 1) job.loss(step, Number.NaN);

    expect(job.codes()).toEqual([]);
    expect(job.state().nanSteps).toBe(9);
  });
});

describe("repeated OOM", () => {
  it.each([
    { name: "three within 100 steps", at: [500, 520, 599], fires: true },
    { name: "three of one step", at: [7, 7, 7], fires: true },
    { name: "two", at: [500, 510], fires: false },
    { name: "one an epoch", at: [100, 400, 700, 1_000, 1_300], fires: false },
    { name: "three, the first of them 100 steps ago", at: [500, 520, 600], fires: false },
  ])("$name: $fires", ({ at, fires }) => {
    const job = run().begun();
    for (const step of at) {
      job.bar(step);
      job.oom();
    }
    expect(job.codes()).toEqual(fires ? ["TRAINING_REPEATED_OOM"] : []);
    expect(job.state().oom.skipped).toBe(at.length);
  });

  it("counts from the start where no step was shown", () => {
    const job = run();
    job.oom(1);
    job.oom(2);
    job.oom(3);
    expect(job.triggers).toMatchObject([
      { step: null, evidence: { oom_count: 3, survived_batches: 3 } },
    ]);
  });
});

describe("a stall", () => {
  it("fires after the window without a step, and says what it saw", () => {
    const job = run().begun();
    job.pass(599);
    expect(job.codes()).toEqual([]);
    job.pass(2);
    expect(job.triggers).toMatchObject([
      {
        code: "TRAINING_STALLED_PROGRESS",
        step: 1,
        act: "stop",
        evidence: { seconds_since_progress: 600, current_step: 1, required_step: 2 },
      },
    ]);
    job.pass(3_000);
    expect(job.triggers).toHaveLength(1);
  });

  it.each(["loading", "caching", "sampling", "saving"] as const)(
    "never fires while %s",
    (phase) => {
      const job = run().begun();
      job.pass(500);
      job.phase(phase);
      job.pass(10_000);
      expect(job.codes()).toEqual([]);
      // And the time before still counts.
      job.phase("training");
      job.pass(101);
      expect(job.codes()).toEqual(["TRAINING_STALLED_PROGRESS"]);
    },
  );

  it("waits longer for the first step, and then has its window anew", () => {
    const job = run({ ...defaults, minStepDelta: 10 });
    job.phase("training");
    job.bar(0, null);
    job.pass(1_700);
    job.bar(1, 1);
    job.pass(550);
    expect(job.codes()).toEqual([]);
    const never = run();
    never.phase("training");
    never.bar(0, null);
    never.pass(1_801);
    expect(never.codes()).toEqual(["TRAINING_STALLED_PROGRESS"]);
  });

  it("means min_step_delta: nine steps a window are too few where ten are asked for", () => {
    const slow = run({ ...defaults, minStepDelta: 10, stallWindowSeconds: 100 }).begun();
    const quick = run({ ...defaults, minStepDelta: 10, stallWindowSeconds: 100 }).begun();
    for (let step = 2; step < 40; step += 1) {
      slow.pass(11.5);
      slow.bar(step, 1);
      quick.pass(9);
      quick.bar(step, 1);
    }
    expect(slow.codes()).toEqual(["TRAINING_STALLED_PROGRESS"]);
    expect(quick.codes()).toEqual([]);
  });

  it("gives a run that is slow by nature ten of its own steps", () => {
    const job = run({ ...defaults, stallWindowSeconds: 120 }).begun(1 / 150);
    for (let step = 2; step < 8; step += 1) {
      job.pass(150);
      job.bar(step, 1 / 150);
    }
    expect(job.codes()).toEqual([]);
    job.pass(1_501);
    expect(job.codes()).toEqual(["TRAINING_STALLED_PROGRESS"]);
  });

  it("takes a suspended box or an agent that was away for what it is", () => {
    const job = run().begun();
    for (let night = 0; night < 20; night += 1) job.jump(8 * 3_600_000);
    expect(job.codes()).toEqual([]);
    expect(job.state().trainingMs).toBe(20 * longestTickMs);
    // The first tick of a new process brings nothing, and what was counted before is remembered.
    job.pass(450);
    const next = run(defaults, job.state());
    next.jump(0);
    expect(next.codes()).toEqual([]);
    next.pass(51);
    expect(next.codes()).toEqual(["TRAINING_STALLED_PROGRESS"]);
    // And a third one does not fire again.
    const third = run(defaults, next.state());
    third.pass(2_000);
    expect(third.codes()).toEqual([]);
  });

  it("never fires after the last step", () => {
    const job = run().begun();
    job.bar(100, 1, 100);
    job.pass(10_000);
    expect(job.codes()).toEqual([]);
  });
});

describe("throughput collapse", () => {
  /** One step shown at a time, as long as it takes. */
  const drive = (job: ReturnType<typeof run>, from: number, speeds: readonly number[]): number => {
    let step = from;
    for (const speed of speeds) {
      job.pass(Math.min(1 / speed, 400));
      job.bar((step += 1), speed);
    }
    return step;
  };
  const fill = (speed: number, count: number): number[] =>
    Array.from({ length: count }, () => speed);

  it("fires at the second low look behind a fall below floor and half the median", () => {
    const job = run().begun(0.5);
    const step = drive(job, 1, fill(0.5, 60));
    drive(job, step, [0.015]);
    expect(job.codes()).toEqual([]);
    drive(job, step + 1, [0.012]);
    expect(job.triggers).toMatchObject([
      {
        code: "TRAINING_THROUGHPUT_COLLAPSE",
        evidence: {
          latest_iter_per_sec: 0.012,
          median_iter_per_sec: 0.5,
          throughput_floor_iter_per_sec: 0.02,
          consecutive_low_speed_polls: 2,
        },
      },
    ]);
  });

  it.each([
    ["slow by nature", fill(0.015, 60)],
    ["shares its GPU: a tenth, and above the floor", [...fill(1, 60), ...fill(0.1, 60)]],
    ["one slow look", [...fill(0.5, 60), 0.01, ...fill(0.5, 30)]],
    ["a slow average that recovers within ten seconds", [...fill(2, 60), 0.011, 0.1, 0.5, 1, 2, 2]],
    ["slow first steps", [0.005, 0.005, 0.01, ...fill(1, 50)]],
  ])("does not fire: %s", (_name, speeds) => {
    const job = run().begun(1);
    drive(job, 1, speeds);
    expect(job.codes()).toEqual([]);
  });

  it("does not count one slow step twice, though the bar's average shows it for some redraws", () => {
    const job = run().begun(2);
    let step = drive(job, 1, fill(2, 200));
    // An evaluation that the trainer's log does not name: five minutes in one step, and then on as before.
    job.pass(300);
    for (const shown of [0.011, 0.014, 0.019, 0.03, 0.1, 0.5, 1]) {
      job.bar((step += 1), shown);
      job.pass(0.5);
    }
    drive(job, step, fill(2, 60));
    expect(job.codes()).toEqual([]);
  });

  it("takes an owner's own floor for a floor, whatever the job did before", () => {
    const job = run({ ...defaults, throughputFloor: 0.2, throughputDrop: null }).begun(0.025);
    drive(job, 1, fill(0.025, 6));
    expect(job.codes()).toEqual([]);
    drive(job, 7, fill(0.025, 2));
    expect(job.codes()).toEqual(["TRAINING_THROUGHPUT_COLLAPSE"]);
  });
});

describe("loss explosion", () => {
  it("fires within 80 points of a tenfold loss, and a spike of any height or length below four blocks does not", () => {
    const job = run();
    let step = 0;
    for (; step < 300; step += 1) job.loss(step, 0.1 + 0.01 * (step % 7));
    for (; step < 310; step += 1) job.loss(step, 1e6);
    for (; step < 400; step += 1) job.loss(step, 0.1 + 0.01 * (step % 7));
    for (; step < 440; step += 1) job.loss(step, 1.3);
    for (; step < 600; step += 1) job.loss(step, 0.12);
    expect(job.codes()).toEqual([]);
    for (; step < 680; step += 1) job.loss(step, 1.3);
    expect(job.triggers).toMatchObject([
      { code: "TRAINING_LOSS_EXPLOSION", act: "stop", evidence: { loss_median: 1.3, factor: 5 } },
    ]);
    expect(job.triggers[0]?.step).toBeLessThan(680);
  });

  it("takes nothing from what is no number or not positive", () => {
    const job = run({ ...defaults, stopOnNan: false });
    for (let step = 0; step < 600; step += 1) {
      job.loss(step, [0.1, Number.NaN, Number.POSITIVE_INFINITY, 0, -3][step % 5] ?? 0);
    }
    expect(job.codes()).toEqual([]);
  });
});

describe("the disk", () => {
  const gib = 1024 ** 3;
  it.each([
    { name: "room for one more", free: 1.4 * gib, checkpoint: gib, codes: [], save: null },
    {
      name: "room for the stop's own only",
      free: 1.2 * gib,
      checkpoint: gib,
      codes: ["DISK_NEARLY_FULL"],
      save: true,
    },
    {
      name: "no room at all",
      free: gib / 2,
      checkpoint: gib,
      codes: ["DISK_NEARLY_FULL"],
      save: false,
    },
  ])("$name", ({ free, checkpoint, codes, save }) => {
    const job = run().begun();
    job.pass(2, { freeBytes: free, checkpointBytes: checkpoint });
    expect(job.codes()).toEqual(codes);
    expect(job.triggers[0]?.save ?? null).toBe(save);
  });

  it("is full for a moment only: no alarm", () => {
    const job = run().begun();
    for (let i = 0; i < 9; i += 1) {
      job.pass(1, { freeBytes: 0, checkpointBytes: gib });
      job.pass(0.5, { freeBytes: 9 * gib, checkpointBytes: gib });
    }
    expect(job.codes()).toEqual([]);
  });

  it("only warns while nobody knows how large a checkpoint is, and may still stop later", () => {
    const job = run().begun();
    job.pass(5, { freeBytes: 1_000, checkpointBytes: null });
    expect(job.triggers).toMatchObject([{ act: "warn", severity: "warning" }]);
    job.pass(5, { freeBytes: 1_000, checkpointBytes: 1_000_000 });
    expect(job.triggers.map(({ act }) => act)).toEqual(["warn", "stop"]);
  });
});

describe("the owner's limits", () => {
  it("stop at the step, and at the hour", () => {
    const steps = run({ ...noGuardrailRules, maxSteps: 50 }).begun();
    steps.bar(49);
    expect(steps.codes()).toEqual([]);
    steps.bar(50);
    expect(steps.triggers).toMatchObject([{ code: "MAX_STEPS_REACHED", severity: "warning" }]);

    const hours = run({ ...noGuardrailRules, maxHours: 0.5 });
    hours.phase("loading");
    hours.pass(1_799);
    expect(hours.codes()).toEqual([]);
    hours.pass(2);
    expect(hours.codes()).toEqual(["MAX_HOURS_REACHED"]);
  });

  it("count the time that nobody watched", () => {
    const job = run({ ...noGuardrailRules, maxHours: 2 }).begun();
    job.jump(2 * 3_600_000);
    expect(job.codes()).toEqual(["MAX_HOURS_REACHED"]);
  });

  it("leave a job alone that has made its last step", () => {
    const job = run({ ...noGuardrailRules, maxSteps: 100, maxHours: 0.001 });
    job.phase("training");
    job.bar(100, 1, 100);
    job.pass(60);
    expect(job.codes()).toEqual([]);
  });
});

describe("levels", () => {
  const nan = (job: ReturnType<typeof run>): void => {
    for (let step = 0; step < 5; step += 1) job.loss(step, Number.NaN);
  };

  it("a dry run says what would have happened", () => {
    const job = run({ ...defaults, dryRun: true });
    nan(job);
    expect(job.triggers).toMatchObject([{ act: "would-stop", severity: "critical" }]);
    expect(actingRules({ ...defaults, dryRun: true })).toEqual([]);
  });

  it("a rule that only warns does so also where it was off, once", () => {
    const job = run({ ...noGuardrailRules, warnOnly: ["TRAINING_NAN_LOSS"] });
    nan(job);
    expect(job.triggers).toMatchObject([{ act: "warn", severity: "warning" }]);
  });

  it("other rules begin anew with what was measured", () => {
    const job = run({ ...defaults, dryRun: true }).begun();
    nan(job);
    job.pass(500);
    const changed = run(
      defaults,
      withNewRules(job.state(), { ...defaults, dryRun: true }, defaults),
    );
    changed.pass(599);
    expect(changed.codes()).toEqual([]);
    changed.loss(9, Number.NaN);
    expect(changed.triggers).toMatchObject([{ act: "stop", evidence: { nan_steps: 6 } }]);
  });

  it("a change of one rule renews no other", () => {
    const before = { ...defaults, dryRun: true, maxSteps: 1_000 };
    const job = run(before).begun();
    nan(job);
    job.pass(500);
    job.pass(1, { freeBytes: 0, checkpointBytes: 1 });
    const state = job.state();
    for (const change of [{ maxSteps: 2_000 }, { oomThreshold: 9 }, { maxHours: 9 }]) {
      expect(withNewRules(state, before, { ...before, ...change })).toEqual(state);
    }
    // The same again, and a dry run begun, change nothing either.
    expect(withNewRules(state, before, { ...before })).toEqual(state);
    expect(withNewRules(state, defaults, before)).toEqual(state);
    // The window goes on: 100 s more and it fires.
    const changed = run(before, withNewRules(state, before, { ...before, oomThreshold: 9 }));
    changed.pass(100);
    changed.loss(9, Number.NaN);
    expect(changed.codes()).toContain("TRAINING_STALLED_PROGRESS");
    expect(changed.codes()).not.toContain("TRAINING_NAN_LOSS");
  });

  it.each([
    ["its threshold", { nanThreshold: 2 }],
    ["its level", { warnOnly: ["TRAINING_NAN_LOSS"] as const }],
    ["off and on", { stopOnNan: false }],
  ])("a rule of which %s changed may fire again", (_, change) => {
    const job = run().begun();
    nan(job);
    const other = { ...defaults, ...change } as GuardrailRules;
    const once = withNewRules(job.state(), defaults, other);
    expect(once.fired).toEqual([]);
    expect(withNewRules(job.state(), other, defaults).fired).toEqual([]);
  });

  it("a dry run that ends renews what would have stopped, not what only warned", () => {
    const before: GuardrailRules = {
      ...defaults,
      dryRun: true,
      warnOnly: ["TRAINING_REPEATED_OOM"],
    };
    const job = run(before).begun();
    nan(job);
    for (let n = 1; n <= 3; n += 1) job.oom(n);
    expect(job.state().fired).toEqual(["TRAINING_NAN_LOSS", "TRAINING_REPEATED_OOM:warn"]);
    const after = withNewRules(job.state(), before, { ...before, dryRun: false });
    expect(after.fired).toEqual(["TRAINING_REPEATED_OOM:warn"]);
  });

  it("every fault rule acts by default, no limit does, and what an older peer leaves out is off", () => {
    expect(actingRules(defaults)).toEqual(
      guardrailCodes.filter((code) => !code.startsWith("MAX_")),
    );
    expect(actingRules(guardrailRulesSchema.parse({ stopOnNan: true, nanThreshold: 3 }))).toEqual([
      "TRAINING_NAN_LOSS",
    ]);
  });

  it("a state that version 0.1 saved goes on", () => {
    const old = { nanSteps: 2, firstNanStep: 4, fired: [] };
    const job = run(defaults, restoreGuardrails(old));
    job.loss(9, Number.NaN);
    expect(job.triggers).toMatchObject([{ evidence: { nan_steps: 3, first_nan_step: 4 } }]);
  });
});

// ---- noise ------------------------------------------------------------------------------------

function mulberry(start: number): () => number {
  let a = start >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Noise = "white" | "autocorrelated" | "heavy-tailed";

/** Log losses around 0 with a scatter of 0.55 a step, as a diffusion run's timesteps give (peers 6). */
function logNoise(kind: Noise, random: () => number): () => number {
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  let last = normal();
  switch (kind) {
    case "white":
      return () => 0.55 * normal();
    case "autocorrelated":
      return () => {
        last = 0.97 * last + Math.sqrt(1 - 0.97 ** 2) * normal();
        return 0.55 * last;
      };
    case "heavy-tailed":
      // Student's t with three degrees of freedom.
      return () =>
        (0.55 * normal()) / Math.sqrt((normal() ** 2 + normal() ** 2 + normal() ** 2) / 3);
  }
}

const kinds: readonly Noise[] = ["white", "autocorrelated", "heavy-tailed"];

describe("healthy noise", () => {
  it("never fires: 900 runs of 2,000 steps, with falling losses, warm-ups, uneven speeds and pauses", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.integer(),
        fc.constantFrom(-1.2, 0, 0.2),
        fc.boolean(),
        (kind, start, drift, warmUp) => {
          const random = mulberry(start);
          const noise = logNoise(kind, random);
          const job = run().begun(2);
          for (let step = 2; step < 2_000; step += 1) {
            const level =
              Math.log(0.1) + (drift * step) / 2_000 + (warmUp ? 2 * Math.exp(-step / 60) : 0);
            job.loss(step, Math.exp(level + noise()));
            job.bar(step, 2 * Math.exp(0.3 * (random() - 0.5)));
            if (step % 250 === 0) {
              job.phase("saving");
              job.jump(5_000);
              job.phase("sampling");
              for (let i = 0; i < 60; i += 1) job.jump(5_000);
              job.phase("training");
            }
            job.jump(500);
          }
          expect(job.codes()).toEqual([]);
        },
      ),
      { seed, numRuns: 900 },
    );
  }, 120_000);

  it("does not hide a fault: a tenfold loss is found within 96 points in each of 300 runs", () => {
    const delays: number[] = [];
    fc.assert(
      fc.property(
        fc.constantFrom("white", "heavy-tailed" as const),
        fc.integer(),
        (kind, start) => {
          const noise = logNoise(kind, mulberry(start));
          const job = run();
          let step = 0;
          for (; step < 800; step += 1) job.loss(step, 0.1 * Math.exp(noise()));
          for (; step < 1_200 && job.triggers.length === 0; step += 1)
            job.loss(step, Math.exp(noise()));
          delays.push(step - 800);
          expect(job.codes()).toEqual(["TRAINING_LOSS_EXPLOSION"]);
        },
      ),
      { seed, numRuns: 300 },
    );
    expect(delays.toSorted((a, b) => a - b)[Math.floor(delays.length * 0.95)]).toBeLessThanOrEqual(
      96,
    );
  });
});

it("says nothing of the trainer's, and keeps its state small, whatever comes in", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.record({ kind: fc.constant("loss" as const), step: fc.nat(), loss: fc.double() }),
          fc.record({
            kind: fc.constant("tick" as const),
            elapsedMs: fc.double(),
            ranMs: fc.double({ noNaN: true }),
            disk: fc.constant(null),
          }),
          fc.record({
            kind: fc.constant("event" as const),
            event: fc.oneof(
              fc.record({
                kind: fc.constant("phase" as const),
                phase: fc.constant("training" as const),
              }),
              fc.record({ kind: fc.constant("oomSkipped" as const), n: fc.nat() }),
              fc.record({
                kind: fc.constant("progress" as const),
                currentStep: fc.nat(),
                totalSteps: fc.nat(),
                stepsPerSecond: fc.option(fc.double()),
                remainingSeconds: fc.constant(null),
              }),
            ),
          }),
        ),
        { maxLength: 300 },
      ),
      (observations) => {
        let state = freshGuardrailState;
        for (const observation of observations) {
          const judged = observe(defaults, state, observation);
          for (const { message } of judged.triggers) expect(message.length).toBeLessThan(400);
          // Not a word of it is lost in the spool, so no NaN or infinity hides in it.
          expect(JSON.parse(JSON.stringify(judged.state))).toEqual(judged.state);
          state = judged.state;
        }
        expect(JSON.stringify(state).length).toBeLessThan(4_000);
      },
    ),
    { seed, numRuns: 200 },
  );
});
