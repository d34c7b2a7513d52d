import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import {
  defaultGuardrailRules,
  noGuardrailRules,
} from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { newJobId } from "@trainyard/shared/ids.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { attemptFiles, openHome } from "../../gpu-agent/home.ts";
import type { Home } from "../../gpu-agent/home.ts";
import type { AttemptMemory } from "../../gpu-agent/jobs/attempt-memory.ts";
import { systemProcesses } from "../../gpu-agent/jobs/process-identity.ts";
import { shimLauncher } from "../../gpu-agent/jobs/shim-launcher.ts";
import { createSupervisor } from "../../gpu-agent/jobs/supervisor.ts";
import { openSpool } from "../../gpu-agent/spool.ts";
import type { Spool } from "../../gpu-agent/spool.ts";
import { systemTime } from "../../gpu-agent/time.ts";
import type { Time } from "../../gpu-agent/time.ts";
import { createTrainers } from "../../gpu-agent/trainers/detect.ts";
import type { Trainer } from "../../gpu-agent/trainers/trainer.ts";
import type { TrainerControl } from "../../gpu-agent/trainers/trainer.ts";
import { scriptedTrainer, writeModel } from "./support/scripted-trainer.ts";
import { temporaryFolder } from "./support/temporary-home.ts";
import { endTrainersAfterTest, states } from "./support/tiny-job.ts";
import { until } from "./support/waiting.ts";

const shimEntry = fileURLToPath(new URL("../../gpu-agent/jobs/shim.ts", import.meta.url));
/** Fifty seconds a second: a tick counts five of them, so a window of ten is over in a moment. */
const fast: Time = { ...systemTime, monotonic: () => systemTime.monotonic() * 50 };
const deadlines = {
  checkpointMs: 500_000,
  askMs: 100_000,
  interruptMs: 100_000,
  terminateMs: 50_000,
  killMs: 50_000,
};

interface Box {
  readonly home?: Home;
  readonly wrap?: (spool: Spool) => Spool;
  readonly freeBytes?: (folder: string) => number | null;
}

/** An agent without any connection: whatever it does, it does alone. */
function openBox(trainer: Trainer, box: Box = {}) {
  const home = box.home ?? openHome(temporaryFolder());
  const real = openSpool({ path: home.spool, clock: fast, log: () => undefined });
  const supervisor = createSupervisor(
    {
      home,
      spool: box.wrap?.(real) ?? real,
      time: fast,
      log: () => undefined,
      processes: systemProcesses(),
      bootId: "boot-1",
      launchShim: shimLauncher(shimEntry),
      signal: (pid, signal) => void process.kill(pid, signal),
      secrets: [],
      deadlines,
      onCommitted: () => undefined,
      ...(box.freeBytes === undefined ? {} : { freeBytes: box.freeBytes }),
    },
    createTrainers([trainer]),
  );
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    try {
      supervisor.close();
    } finally {
      real.close();
    }
  };
  onTestFinished(close);
  const items = (jobId: string) =>
    real.read({ jobId, attempt: 1 }, 1, { items: 9_999, bytes: 1e9 });
  return {
    home,
    supervisor,
    close,
    items,
    alerts: (jobId: string) => items(jobId).filter((item) => item.kind === "alert"),
    ended: (jobId: string) =>
      until(() => {
        const state = states(items(jobId)).at(-1);
        return state !== undefined && isTerminal(state.state) ? state : null;
      }, "the end"),
    lastStop: (jobId: string) =>
      states(items(jobId)).findLast((item) => item.stop !== undefined && item.stop !== null)?.stop,
  };
}

function startOf(rules: Partial<GuardrailRules>): OperationArgs<"start-attempt"> {
  const jobId = newJobId();
  endTrainersAfterTest(jobId, 1);
  return {
    jobId,
    attempt: 1,
    jobName: "living_room",
    trainer: "scripted",
    document: {},
    guardrails: { ...noGuardrailRules, ...rules },
    slot: "cpu",
    totalSteps: 1_000,
  };
}

/** Trains to a step under a bar; then it only listens. On request it writes a checkpoint and says so. */
const script = (then: string): string => `${writeModel}
  import { existsSync, rmSync } from "node:fs";
  process.on("SIGINT", () => { console.log("Job stopped"); process.exit(0); });
  const at = process.env.OUT + "/" + process.env.NAME;
  let step = 0;
  const save = () => { if (!existsSync("save-now")) return; rmSync("save-now");
    const path = at + "_" + String(step).padStart(9, "0") + ".safetensors";
    console.log("\\nSaving at step " + step); model(path); console.log("Saved checkpoint to " + path); };
  setInterval(save, 20);
  bar(step, 1000);
  const advance = () => { step += 1; bar(step, 1000); };
  ${then}
`;
const control: TrainerControl = {
  understands: (what) => what === "save",
  ask: (_what, { files }) => {
    writeFileSync(join(files.folder, "save-now"), "");
    return true;
  },
};
const hangs = scriptedTrainer(script("advance(); advance();"), { control });
const steps = scriptedTrainer(script("setInterval(advance, 20);"), { control });

test("a trainer that hangs is stopped without any connection, a checkpoint saved first", async () => {
  const box = openBox(hangs);
  const args = startOf({ stopOnStalledProgress: true, stallWindowSeconds: 20 });
  await box.supervisor.start(args);

  const end = await box.ended(args.jobId);
  expect(end.state).toBe("stopped");
  expect(end.evidence).toMatchObject({ stop_wanted: "guardrail:TRAINING_STALLED_PROGRESS" });
  expect(box.alerts(args.jobId)).toMatchObject([
    {
      code: "TRAINING_STALLED_PROGRESS",
      severity: "critical",
      guardrail: true,
      evidence: { stall_window_seconds: 20 },
    },
  ]);
  expect(box.items(args.jobId).filter((item) => item.kind === "checkpoint")).toMatchObject([
    { step: 2, valid: true },
  ]);
  // The alert is there before what it led to, and the reason says rule, evidence and save.
  const kinds = box
    .items(args.jobId)
    .map((item) => (item.kind === "state" ? item.state : item.kind));
  expect(kinds.indexOf("alert")).toBeLessThan(kinds.indexOf("stopping"));
  expect(box.lastStop(args.jobId)).toMatchObject({
    by: "guardrail:TRAINING_STALLED_PROGRESS",
    reason: expect.stringMatching(/^No step was made in \d+ s .* A checkpoint was saved first\.$/),
  });
});

test("a trainer that cannot save is stopped all the same, and the reason says so", async () => {
  const box = openBox(scriptedTrainer(script("advance(); advance();")));
  const args = startOf({ maxHours: 0.01 });
  await box.supervisor.start(args);

  expect((await box.ended(args.jobId)).state).toBe("stopped");
  expect(box.lastStop(args.jobId)).toMatchObject({
    by: "guardrail:MAX_HOURS_REACHED",
    reason: expect.stringContaining("No checkpoint was saved first: the trainer cannot save"),
  });
});

test("with no room for a checkpoint none is asked for", async () => {
  let asked = false;
  const trainer = scriptedTrainer(
    script(`const path = at + "_000000001.safetensors"; advance(); model(path);
      console.log("Saved checkpoint to " + path); setInterval(advance, 20);`),
    {
      control: {
        understands: () => true,
        ask: (what) => {
          asked ||= what === "save";
          return what === "save";
        },
      },
    },
  );
  const box = openBox(trainer, { freeBytes: () => 10 });
  const args = startOf({ stopOnLowDisk: true });
  await box.supervisor.start(args);

  expect((await box.ended(args.jobId)).state).toBe("stopped");
  expect(box.alerts(args.jobId).at(-1)).toMatchObject({
    code: "DISK_NEARLY_FULL",
    guardrail: true,
    evidence: { free_bytes: 10 },
  });
  expect(box.lastStop(args.jobId)).toMatchObject({
    mode: "now",
    reason: expect.stringContaining("No checkpoint is saved: there is no room."),
  });
  expect(asked).toBe(false);
});

test("a dry run and a rule that only warns tell, and stop nothing", async () => {
  const box = openBox(
    scriptedTrainer(
      `${writeModel}
      for (let step = 0; step <= 1000; step += 1) bar(step, 1000);
      for (let i = 0; i < 3; i += 1) console.log("# OOM during training step, skipping batch 1/3 #");
      setTimeout(() => { model(process.env.OUT + "/" + process.env.NAME + ".safetensors"); process.exit(0); }, 300);`,
    ),
  );
  const args = startOf({
    maxSteps: 10,
    dryRun: true,
    warnOnly: ["TRAINING_REPEATED_OOM"],
  });
  await box.supervisor.start(args);

  expect((await box.ended(args.jobId)).state).toBe("completed");
  expect(
    box.alerts(args.jobId).map(({ code, guardrail, wouldStop, severity }) => ({
      code,
      guardrail,
      wouldStop,
      severity,
    })),
  ).toEqual(
    expect.arrayContaining([
      { code: "MAX_STEPS_REACHED", guardrail: false, wouldStop: true, severity: "warning" },
      {
        code: "TRAINING_REPEATED_OOM",
        guardrail: false,
        wouldStop: undefined,
        severity: "warning",
      },
    ]),
  );
});

test("a dry run's message says that it is one, and other rules do not tell it again", async () => {
  const box = openBox(steps);
  const args = startOf({ maxSteps: 10, dryRun: true });
  const { jobId } = args;
  await box.supervisor.start(args);
  await until(() => box.alerts(jobId).length > 0, "the alert");
  expect(box.alerts(jobId)[0]?.message).toMatch(
    /^Dry run: this would have stopped the job\. The job has made \d+ steps; its owner allows 10\.$/,
  );
  const rules = { ...noGuardrailRules, maxSteps: 10, dryRun: true, maxHours: 1_000 };
  await box.supervisor.setGuardrails({ jobId, attempt: 1, revision: 1, rules });
  const step = box.supervisor.head({ jobId, attempt: 1 })?.currentStep ?? 0;
  await until(
    () => (box.supervisor.head({ jobId, attempt: 1 })?.currentStep ?? 0) > step + 3,
    "more steps",
  );
  expect(box.alerts(jobId)).toHaveLength(1);
});

test("what is found late says that its step is one of the log", async () => {
  const first = openBox(
    scriptedTrainer(
      script(`import("node:fs").then(({ existsSync }) => { let gone = false;
        setInterval(() => { if (gone || !existsSync("go-on")) return; gone = true;
          while (step < 150) advance(); console.log("far"); }, 20); });`),
    ),
  );
  const args = startOf({ maxSteps: 20 });
  const { jobId } = args;
  await first.supervisor.start(args);
  await until(() => states(first.items(jobId)).at(-1)?.state === "running", "the process");
  first.close();
  const { folder, stdout } = attemptFiles(first.home, jobId, 1);
  writeFileSync(join(folder, "go-on"), "");
  await until(() => readFileSync(stdout, "utf8").includes("far"), "steps, with no agent there");

  const second = openBox(hangs, { home: first.home });
  second.supervisor.adopt();
  expect((await second.ended(jobId)).state).toBe("stopped");
  const late =
    /^Found when the agent came back, at step 20 of the log: The job has made 20 steps; its owner allows 20\./;
  expect(second.alerts(jobId)[0]).toMatchObject({ step: 20, message: expect.stringMatching(late) });
  expect(second.lastStop(jobId)?.reason).toMatch(late);
});

test("rules that are set while it runs hold over the agent's restart, and older ones never come back", async () => {
  const first = openBox(steps);
  const args = startOf({});
  const { jobId } = args;
  await first.supervisor.start(args);
  await until(() => (first.supervisor.head({ jobId, attempt: 1 })?.currentStep ?? 0) > 3, "steps");
  const rules = { ...defaultGuardrailRules, maxSteps: 150 };
  const set = (box: typeof first, revision: number, some: GuardrailRules) =>
    box.supervisor.setGuardrails({ jobId, attempt: 1, revision, rules: some });
  expect(await set(first, 2, rules)).toEqual({ outcome: "in-force", revision: 2 });
  expect(await set(first, 2, rules)).toEqual({ outcome: "in-force", revision: 2 });
  expect(await set(first, 1, noGuardrailRules)).toEqual({ outcome: "superseded", revision: 2 });
  first.close();

  const second = openBox(steps, { home: first.home });
  second.supervisor.adopt();
  const end = await second.ended(jobId);
  expect(end.evidence).toMatchObject({ stop_wanted: "guardrail:MAX_STEPS_REACHED" });
  expect(
    states(second.items(jobId)).flatMap(({ guardrails }) => (guardrails ? [guardrails] : [])),
  ).toEqual([
    { revision: 0, rules: noGuardrailRules },
    { revision: 2, rules },
  ]);
  expect(await set(second, 3, rules)).toEqual({ outcome: "not-running", revision: 0 });
});

test("rules that are delivered right behind the start find it", async () => {
  const { promise: found, resolve } = Promise.withResolvers<void>();
  const box = openBox({
    ...steps,
    detect: async () => {
      await found;
      return steps.detect();
    },
  });
  const args = startOf({});
  const started = box.supervisor.start(args);
  const rules = { ...noGuardrailRules, maxSteps: 15 };
  const set = box.supervisor.setGuardrails({ jobId: args.jobId, attempt: 1, revision: 1, rules });
  resolve();
  expect(await set).toEqual({ outcome: "in-force", revision: 1 });
  expect(await started).toEqual({ accepted: true });
  expect((await box.ended(args.jobId)).state).toBe("stopped");
});

test.each([
  ["before its finding is on disk", false],
  ["right after it, before the stop is begun", true],
])("an agent that dies %s: one alert and one stop in the end", async (_name, committed) => {
  let dead = false;
  const dying = (spool: Spool): Spool => ({
    ...spool,
    commit(key, change) {
      if (dead) throw new Error("the agent is dead");
      if (change.items?.some((item) => item.kind === "alert") !== true)
        return spool.commit(key, change);
      dead = true;
      if (committed) spool.commit(key, change);
      throw new Error("the agent dies");
    },
  });
  const first = openBox(steps, { wrap: dying });
  const args = startOf({ maxSteps: 20 });
  const { jobId } = args;
  await first.supervisor.start(args);
  await until(() => dead, "the agent's death");
  expect(first.alerts(jobId)).toHaveLength(committed ? 1 : 0);
  // Dead: nothing of it is saved any more.
  expect(() => first.close()).not.toThrow(/^(?!the agent)/);

  const second = openBox(steps, { home: first.home });
  second.supervisor.adopt();
  expect((await second.ended(jobId)).state).toBe("stopped");
  expect(second.alerts(jobId)).toHaveLength(1);
  const wanted = states(second.items(jobId)).filter(
    ({ state, stop }) => state === "stopping" && stop,
  );
  // Said when it was wanted, and once more with what became of the checkpoint.
  expect(wanted.map(({ stop }) => stop?.by)).toEqual([
    "guardrail:MAX_STEPS_REACHED",
    "guardrail:MAX_STEPS_REACHED",
  ]);
  expect(second.lastStop(jobId)?.reason).toContain("A checkpoint was saved first.");
  expect(second.items(jobId).filter((item) => item.kind === "checkpoint")).toHaveLength(1);
});

test("what a training did while the agent was away, and ended well, is told and stops nothing", async () => {
  const trainer = scriptedTrainer(`${writeModel}
    import { existsSync } from "node:fs";
    bar(1, 1000);
    console.log("ready");
    setInterval(() => { if (!existsSync("go-on")) return;
      for (let i = 0; i < 3; i += 1) console.log("# OOM during training step, skipping batch 1/3 #");
      bar(1000, 1000); model(process.env.OUT + "/" + process.env.NAME + ".safetensors"); process.exit(0); }, 20);`);
  const first = openBox(trainer);
  const args = startOf({ stopOnRepeatedOom: true });
  const { jobId } = args;
  await first.supervisor.start(args);
  await until(() => states(first.items(jobId)).at(-1)?.state === "running", "the process");
  first.close();
  const { folder, exit } = attemptFiles(first.home, jobId, 1);
  writeFileSync(join(folder, "go-on"), "");
  await until(() => existsSync(exit), "the end, with no agent there");

  const second = openBox(trainer, { home: first.home });
  second.supervisor.adopt();
  expect((await second.ended(jobId)).state).toBe("completed");
  expect(second.alerts(jobId)).toMatchObject([{ code: "TRAINING_REPEATED_OOM", guardrail: false }]);
});

test("how long a trainer has hung is remembered by the agent that comes after", async () => {
  const first = openBox(hangs);
  const args = startOf({ stopOnStalledProgress: true, stallWindowSeconds: 60 });
  const { jobId } = args;
  await first.supervisor.start(args);
  const probe = openSpool({ path: first.home.spool, clock: fast, log: () => undefined });
  onTestFinished(() => probe.close());
  const trainingMs = (): number =>
    (probe.reader({ jobId, attempt: 1 }) as AttemptMemory | null)?.guardrail.trainingMs ?? 0;
  await until(() => trainingMs() >= 30_000, "half of the window in the spool");
  expect(first.alerts(jobId)).toEqual([]);
  first.close();
  const before = trainingMs();

  const second = openBox(hangs, { home: first.home });
  second.supervisor.adopt();
  const end = await second.ended(jobId);
  expect(end.evidence).toMatchObject({ stop_wanted: "guardrail:TRAINING_STALLED_PROGRESS" });
  expect(second.alerts(jobId)[0]?.evidence["seconds_since_progress"]).toBeLessThan(
    60 + 15 + before / 1_000,
  );
});
