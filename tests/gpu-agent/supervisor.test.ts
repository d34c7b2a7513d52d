import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { defaultGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { newJobId } from "@trainyard/shared/ids.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { attemptFiles, openHome } from "../../gpu-agent/home.ts";
import type { Home } from "../../gpu-agent/home.ts";
import { acquireLock } from "../../gpu-agent/home-lock.ts";
import { systemProcesses } from "../../gpu-agent/jobs/process-identity.ts";
import type { ProcessView } from "../../gpu-agent/jobs/process-identity.ts";
import { shimLauncher } from "../../gpu-agent/jobs/shim-launcher.ts";
import type { LaunchShim } from "../../gpu-agent/jobs/shim-launcher.ts";
import { createSupervisor } from "../../gpu-agent/jobs/supervisor.ts";
import { openSpool } from "../../gpu-agent/spool.ts";
import { systemTime } from "../../gpu-agent/time.ts";
import { createTrainers } from "../../gpu-agent/trainers/detect.ts";
import type { Trainer } from "../../gpu-agent/trainers/trainer.ts";
import { scriptedTrainer, writeModel } from "./support/scripted-trainer.ts";
import { temporaryFolder } from "./support/temporary-home.ts";
import { endTrainersAfterTest, lastState } from "./support/tiny-job.ts";
import { until } from "./support/waiting.ts";

const shimEntry = fileURLToPath(new URL("../../gpu-agent/jobs/shim.ts", import.meta.url));
const deadlines = {
  checkpointMs: 1_500,
  askMs: 300,
  interruptMs: 400,
  terminateMs: 300,
  killMs: 300,
};
const user = { by: "user", reason: "", mode: "now" as const };

interface Box {
  bootId?: string;
  home?: Home;
  processes?: ProcessView;
  launchShim?: LaunchShim;
}

function openBox(trainer: Trainer, box: Box = {}) {
  const home = box.home ?? openHome(temporaryFolder());
  const spool = openSpool({ path: home.spool, clock: systemTime, log: () => undefined });
  const supervisor = createSupervisor(
    {
      home,
      spool,
      time: systemTime,
      log: () => undefined,
      processes: box.processes ?? systemProcesses(),
      bootId: box.bootId ?? "boot-1",
      launchShim: box.launchShim ?? shimLauncher(shimEntry),
      signal: (pid, signal) => void process.kill(pid, signal),
      secrets: [],
      deadlines,
      onCommitted: () => undefined,
    },
    createTrainers([trainer]),
  );
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    supervisor.close();
    spool.close();
  };
  onTestFinished(close);
  return {
    home,
    spool,
    supervisor,
    close,
    items: (jobId: string, attempt = 1) =>
      spool.read({ jobId, attempt }, 1, { items: 9_999, bytes: 1e9 }),
    ended: (jobId: string, attempt = 1) =>
      until(() => {
        const state = lastState(spool.read({ jobId, attempt }, 1, { items: 9_999, bytes: 1e9 }));
        return state !== null && isTerminal(state.state) ? state : null;
      }, "the end"),
  };
}

function startOf(
  more: Partial<OperationArgs<"start-attempt">> = {},
): OperationArgs<"start-attempt"> {
  const jobId = more.jobId ?? newJobId();
  endTrainersAfterTest(jobId, more.attempt ?? 1);
  return {
    jobId,
    attempt: 1,
    jobName: "job",
    trainer: "scripted",
    document: {},
    guardrails: defaultGuardrailRules,
    slot: "cpu",
    totalSteps: 2,
    ...more,
  };
}

const pidOf = (home: Home, jobId: string): Promise<number> =>
  until(() => {
    const { handle } = attemptFiles(home, jobId, 1);
    return existsSync(handle)
      ? (JSON.parse(readFileSync(handle, "utf8")) as { pid: number }).pid
      : null;
  }, "the handle");
const printed = (home: Home, jobId: string, text: string): Promise<true> =>
  until(() => readFileSync(attemptFiles(home, jobId, 1).stdout, "utf8").includes(text), text);

test("[W30] a trainer that is deaf to every signal, and its child, end by force within the deadlines", async () => {
  const box = openBox(
    scriptedTrainer(`
      import { spawn } from "node:child_process";
      process.on("SIGINT", () => {}); process.on("SIGTERM", () => {});
      // In a group of its own: the signal to the trainer's group does not reach it.
      const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
      console.log("child " + child.pid + " ready");
      setInterval(() => {}, 1000);`),
  );
  const args = startOf();
  await box.supervisor.start(args);
  await printed(box.home, args.jobId, "ready");
  const child = Number(
    /child (\d+)/.exec(readFileSync(attemptFiles(box.home, args.jobId, 1).stdout, "utf8"))?.[1],
  );
  const begunAt = performance.now();
  expect(box.supervisor.stop({ jobId: args.jobId, attempt: 1, ...user })).toEqual({
    outcome: "stopping",
    state: "stopping",
  });
  const end = await box.ended(args.jobId);
  expect(end.state).toBe("stopped");
  expect(end.evidence).toMatchObject({ forced: true, signal: "SIGKILL", stop_wanted: "user" });
  expect(performance.now() - begunAt).toBeLessThan(
    deadlines.interruptMs + deadlines.terminateMs + 4_000,
  );
  expect(systemProcesses().startTicks(await pidOf(box.home, args.jobId))).toBeNull();
  await until(() => systemProcesses().startTicks(child) === null, "the child to be ended");
});

test("a stop waits for the save that is being written", async () => {
  const box = openBox(
    scriptedTrainer(`${writeModel}
      let saved = false;
      process.on("SIGINT", () => { console.log(saved ? "interrupted after the save" : "INTERRUPTED IN THE SAVE"); process.exit(0); });
      console.log("\\nSaving at step 1");
      setTimeout(() => { model(process.env.OUT + "/" + process.env.NAME + "_000000001.safetensors"); saved = true;
        console.log("Saved checkpoint to " + process.env.OUT + "/" + process.env.NAME + "_000000001.safetensors"); }, 1200);
      setInterval(() => {}, 1000);`),
  );
  const args = startOf();
  await box.supervisor.start(args);
  await printed(box.home, args.jobId, "Saving");
  await until(
    () => box.supervisor.head({ jobId: args.jobId, attempt: 1 })?.phase === "saving",
    "the phase",
  );
  box.supervisor.stop({ jobId: args.jobId, attempt: 1, ...user });
  expect((await box.ended(args.jobId)).state).toBe("stopped");
  expect(readFileSync(attemptFiles(box.home, args.jobId, 1).stdout, "utf8")).toContain(
    "interrupted after the save",
  );
  expect(box.items(args.jobId).filter((item) => item.kind === "checkpoint")).toMatchObject([
    { step: 1, valid: true },
  ]);
});

test("with a checkpoint first, the trainer is asked to save before it is interrupted", async () => {
  const box = openBox(
    scriptedTrainer(
      `${writeModel}
      import { existsSync } from "node:fs";
      process.on("SIGINT", () => process.exit(0));
      bar(1, 9);
      console.log("ready");
      const poll = setInterval(() => { if (!existsSync("save-now")) return; clearInterval(poll);
        const path = process.env.OUT + "/" + process.env.NAME + "_000000007.safetensors"; model(path);
        console.log("Saved checkpoint to " + path); }, 20);
      setInterval(() => {}, 1000);`,
      {
        control: {
          understands: (what) => what === "save",
          ask: (_what, { files }) => {
            writeFileSync(join(files.folder, "save-now"), "");
            return true;
          },
        },
      },
    ),
  );
  const args = startOf();
  await box.supervisor.start(args);
  await printed(box.home, args.jobId, "ready");
  box.supervisor.stop({ jobId: args.jobId, attempt: 1, ...user, mode: "checkpoint" });
  expect((await box.ended(args.jobId)).state).toBe("stopped");
  expect(box.items(args.jobId).filter((item) => item.kind === "checkpoint")).toMatchObject([
    { step: 7, valid: true },
  ]);
});

const ends: [string, string, string, string | null][] = [
  ["no model", "bar(2, 2);", "failed", "NO_ARTIFACT"],
  [
    "a truncated model",
    "bar(2, 2); model(process.env.OUT + '/' + process.env.NAME + '.safetensors', 2);",
    "failed",
    "ARTIFACT_INVALID",
  ],
  [
    "a model before the last step",
    "bar(1, 2); model(process.env.OUT + '/' + process.env.NAME + '.safetensors');",
    "failed",
    "INCOMPLETE",
  ],
  [
    "a model and the last step",
    "bar(2, 2); model(process.env.OUT + '/' + process.env.NAME + '.safetensors');",
    "completed",
    null,
  ],
];
test.each(ends)("exit code 0 with %s", async (_name, script, state, code) => {
  const settled: unknown[] = [];
  const settle: Trainer["settle"] = ({ name }, end) => {
    settled.push([name, end]);
    throw new Error("The record is elsewhere by now.");
  };
  const box = openBox(scriptedTrainer(writeModel + script, { settle }));
  const args = startOf();
  await box.supervisor.start(args);
  const end = await box.ended(args.jobId);
  expect([end.state, end.failure?.code ?? null]).toEqual([state, code]);
  expect(settled).toEqual([["job", state]]);
  expect(box.items(args.jobId).some((item) => item.kind === "artifact")).toBe(
    state === "completed" || code === "INCOMPLETE",
  );
});

test("a command that is not there is a spawn failure", async () => {
  const trainer = scriptedTrainer("");
  const box = openBox({
    ...trainer,
    prepare: async (request) => ({
      ...(await trainer.prepare(request)),
      command: "/nowhere/python",
    }),
  });
  const args = startOf();
  await box.supervisor.start(args);
  expect((await box.ended(args.jobId)).failure?.code).toBe("SPAWN_FAILED");
});

const forever = scriptedTrainer(`console.log("ready"); setInterval(() => {}, 1000);`);

test("after a reboot the attempt is interrupted", async () => {
  const first = openBox(forever);
  const args = startOf();
  await first.supervisor.start(args);
  const pid = await pidOf(first.home, args.jobId);
  await until(
    () => first.spool.attempt({ jobId: args.jobId, attempt: 1 })?.state === "running",
    "running",
  );
  first.close();
  const second = openBox(forever, { home: first.home, bootId: "boot-2" });
  second.supervisor.adopt();
  const end = await second.ended(args.jobId);
  expect([end.state, end.failure?.code]).toEqual(["interrupted", "REBOOTED"]);
  // Whoever has that pid now is a stranger.
  expect(systemProcesses().startTicks(pid)).not.toBeNull();
});

test("while a process cannot be looked at nothing is concluded, and its slot stays taken", async () => {
  const first = openBox(forever);
  const args = startOf();
  await first.supervisor.start(args);
  await until(
    () => first.spool.attempt({ jobId: args.jobId, attempt: 1 })?.state === "running",
    "running",
  );
  first.close();
  let looks = 0;
  const blind: ProcessView = {
    startTicks: () => {
      looks += 1;
      throw new Error("no permission");
    },
    withEnvironment: () => [],
    withArgument: () => null,
  };
  const second = openBox(forever, { home: first.home, processes: blind });
  second.supervisor.adopt();
  // It has looked again and again by then, and concluded nothing.
  await until(() => looks >= 3, "three looks at a process that cannot be seen");
  expect(second.spool.attempt({ jobId: args.jobId, attempt: 1 })?.state).toBe("running");
  await expect(second.supervisor.start(startOf())).rejects.toMatchObject({
    code: "QUOTA_EXCEEDED",
  });
});

test("an agent that dies before its shim begins: the next one starts it, and only one trainer comes of it", async () => {
  const never = openBox(forever, { launchShim: () => undefined });
  const args = startOf();
  await never.supervisor.start(args);
  never.close();
  const { folder } = attemptFiles(never.home, args.jobId, 1);
  let ended = 0;
  const second = openBox(forever, {
    home: never.home,
    launchShim: (launch) =>
      shimLauncher(shimEntry)({
        ...launch,
        onExit: (reason) => {
          ended += 1;
          launch.onExit(reason);
        },
      }),
  });
  second.supervisor.adopt();
  // The first agent's shim, late: it finds the gate taken.
  for (let i = 0; i < 3; i += 1) {
    shimLauncher(shimEntry)({
      folder,
      environment: { PATH: process.env["PATH"] ?? "", TRAINYARD_ATTEMPT: `${args.jobId}/1` },
      onExit: () => {
        ended += 1;
      },
    });
  }
  await pidOf(never.home, args.jobId);
  // Four came to the gate, whoever was first: three must have gone away again.
  await until(() => ended === 3, "the end of three shims");
  const printed = () => readFileSync(attemptFiles(never.home, args.jobId, 1).stdout, "utf8");
  await until(() => printed().includes("ready"), "the one trainer's first line");
  expect(printed().match(/ready/g)).toHaveLength(1);
});

test("[W30] a shim killed before it wrote who the trainer is: found by its environment, adopted, and stoppable", async () => {
  const first = openBox(forever, { launchShim: () => undefined });
  const args = startOf();
  await first.supervisor.start(args);
  first.close();
  const { begun } = attemptFiles(first.home, args.jobId, 1);
  writeFileSync(begun, JSON.stringify({ shimPid: 2 ** 22 + 1, shimStartTicks: "1" }));
  const trainer = spawn("sleep", ["60"], {
    detached: true,
    stdio: "ignore",
    env: { PATH: process.env["PATH"] ?? "", TRAINYARD_ATTEMPT: `${args.jobId}/1` },
  });
  const second = openBox(forever, { home: first.home });
  second.supervisor.adopt();
  await until(
    () => second.spool.attempt({ jobId: args.jobId, attempt: 1 })?.process?.pid === trainer.pid,
    "the adoption",
  );
  second.supervisor.stop({ jobId: args.jobId, attempt: 1, ...user });
  const end = await second.ended(args.jobId);
  expect(end.state).toBe("stopped");
  expect(systemProcesses().startTicks(trainer.pid ?? 0)).toBeNull();
});

test("a second trainer in the same folder is refused by the lock on it", async () => {
  const home = openHome(temporaryFolder());
  const jobId = newJobId();
  const { folder, launch, exit } = attemptFiles(home, jobId, 1);
  const output = join(home.outputs, "shared");
  mkdirSync(folder, { recursive: true });
  mkdirSync(output);
  const outputLock = join(output, ".trainyard.lock");
  const held = acquireLock(outputLock);
  onTestFinished(() => held?.release());
  writeFileSync(
    launch,
    JSON.stringify({ command: "touch", args: [join(output, "started")], cwd: folder, outputLock }),
  );
  const shim = spawn(process.execPath, [shimEntry, folder], { stdio: "ignore" });
  await new Promise((resolve) => shim.once("exit", resolve));
  expect(JSON.parse(readFileSync(exit, "utf8"))).toMatchObject({
    error: expect.stringContaining("output folder"),
  });
  expect(existsSync(join(output, "started"))).toBe(false);
});

test("an output folder that cannot be written is told, and nothing is started", async () => {
  const home = openHome(temporaryFolder());
  const { folder, launch, exit } = attemptFiles(home, newJobId(), 1);
  mkdirSync(folder, { recursive: true });
  // A folder in place of the lock's file: whoever runs the tests may write everywhere.
  const outputLock = join(home.outputs, "shared", ".trainyard.lock");
  mkdirSync(outputLock, { recursive: true });
  const started = join(home.outputs, "shared", "started");
  writeFileSync(
    launch,
    JSON.stringify({ command: "touch", args: [started], cwd: folder, outputLock }),
  );
  const shim = spawn(process.execPath, [shimEntry, folder], { stdio: "ignore" });
  await new Promise((resolve) => shim.once("exit", resolve));

  expect(JSON.parse(readFileSync(exit, "utf8"))).toMatchObject({ outputFolder: true });
  expect(existsSync(started)).toBe(false);
});

test("a damaged checkpoint is set aside before a resume", async () => {
  const box = openBox(
    scriptedTrainer(`${writeModel}
      const at = process.env.OUT + "/" + process.env.NAME;
      model(at + "_000000010.safetensors"); model(at + "_000000020.safetensors", 3); process.exit(1);`),
  );
  const args = startOf();
  await box.supervisor.start(args);
  expect((await box.ended(args.jobId)).failure?.code).toBe("TRAINER_ERROR");
  expect(box.items(args.jobId).filter((item) => item.kind === "checkpoint")).toMatchObject([
    { step: 10, valid: true },
    { step: 20, valid: false },
  ]);
  await until(() => box.supervisor.liveJobs().length === 0, "the slot");
  // The second attempt writes both anew; what matters is what it found.
  await box.supervisor.start(startOf({ jobId: args.jobId, attempt: 2 }));
  expect(readdirSync(join(box.home.outputs, "job", ".set-aside"))).toEqual([
    "job_000000020.safetensors",
  ]);
  await box.ended(args.jobId, 2);
  expect(box.items(args.jobId, 2)).toContainEqual(
    expect.objectContaining({
      kind: "alert",
      code: "CHECKPOINT_SET_ASIDE",
      evidence: { file: "job_000000020.safetensors" },
    }),
  );
});

test("of two checkpoints the furthest is the one that was touched last before a resume", async () => {
  const box = openBox(
    scriptedTrainer(`${writeModel}
      import { statSync, utimesSync } from "node:fs";
      const at = process.env.OUT + "/" + process.env.NAME;
      const [near, far] = ["10", "20"].map((step) => at + "_0000000" + step + ".safetensors");
      if (process.env.TRAINYARD_ATTEMPT.endsWith("/1")) {
        model(far); await new Promise((resolve) => setTimeout(resolve, 30)); model(near);
      } else console.log("furthest last:", statSync(far).ctimeMs > statSync(near).ctimeMs);
      process.exit(1);`),
  );
  const args = startOf();
  await box.supervisor.start(args);
  await box.ended(args.jobId);
  await until(() => box.supervisor.liveJobs().length === 0, "the slot");
  await box.supervisor.start(startOf({ jobId: args.jobId, attempt: 2 }));
  await box.ended(args.jobId, 2);
  expect(readFileSync(attemptFiles(box.home, args.jobId, 2).stdout, "utf8")).toBe(
    "furthest last: true\n",
  );
});

test("a start that was taken in must not overtake another: one slot, one trainer", async () => {
  const trainer = scriptedTrainer("setInterval(() => {}, 1000);");
  const box = openBox({
    ...trainer,
    prepare: async (request) => {
      await Promise.resolve();
      return trainer.prepare(request);
    },
  });
  const [first, second] = [startOf(), startOf()];
  const outcomes = await Promise.allSettled([
    box.supervisor.start(first),
    box.supervisor.start(second),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  box.supervisor.stop({ jobId: first.jobId, attempt: 1, ...user });
  await box.ended(first.jobId);
});

test("the trainer sees a list of variables, not our environment", async () => {
  process.env["TRAINYARD_SECRET_THING"] = "hunter2hunter2";
  process.env["HF_TOKEN"] = "hf_abcdefghijklmnopqrstuvwxyz";
  onTestFinished(() => {
    delete process.env["TRAINYARD_SECRET_THING"];
    delete process.env["HF_TOKEN"];
  });
  const box = openBox(scriptedTrainer(`console.log(JSON.stringify(process.env));`));
  const args = startOf();
  await box.supervisor.start(args);
  await box.ended(args.jobId);
  const seen = readFileSync(attemptFiles(box.home, args.jobId, 1).stdout, "utf8");
  expect(seen).not.toContain("hunter2");
  expect(seen).not.toContain("hf_abc");
  expect(seen).toContain("TRAINYARD_TRUTH_FILE");
});
