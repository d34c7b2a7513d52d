import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { defaultGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { newJobId } from "@trainyard/shared/ids.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { attemptFiles, openHome } from "../../gpu-agent/home.ts";
import { createHostFacts } from "../../gpu-agent/host/host-facts.ts";
import type { HostFacts } from "../../gpu-agent/host/host-facts.ts";
import {
  nvidiaCards,
  nvidiaProcesses,
  parseGpuProcesses,
} from "../../gpu-agent/host/nvidia-smi.ts";
import type { GpuFact, GpuProcess } from "../../gpu-agent/host/nvidia-smi.ts";
import { newMemory } from "../../gpu-agent/jobs/attempt-memory.ts";
import { createGpuPeak, peakEvidence } from "../../gpu-agent/jobs/gpu-peak.ts";
import type { LiveAttempt } from "../../gpu-agent/jobs/live-attempt.ts";
import { systemProcesses } from "../../gpu-agent/jobs/process-identity.ts";
import { shimLauncher } from "../../gpu-agent/jobs/shim-launcher.ts";
import { createSupervisor } from "../../gpu-agent/jobs/supervisor.ts";
import { openSpool } from "../../gpu-agent/spool.ts";
import { systemTime } from "../../gpu-agent/time.ts";
import { createTrainers } from "../../gpu-agent/trainers/detect.ts";
import { scriptedTrainer } from "./support/scripted-trainer.ts";
import { temporaryFolder } from "./support/temporary-home.ts";
import { endTrainersAfterTest, lastState } from "./support/tiny-job.ts";
import { virtualTime } from "./support/virtual-time.ts";
import { until } from "./support/waiting.ts";

const shimEntry = fileURLToPath(new URL("../../gpu-agent/jobs/shim.ts", import.meta.url));

function card(index: number, memoryUsedMib: number | null): GpuFact {
  return {
    index,
    name: "RTX 4090",
    memoryTotalMib: 24_564,
    memoryUsedMib,
    utilizationPercent: null,
    temperatureC: null,
    powerW: null,
  };
}

/** One attempt on a card whose driver answers what the test says. */
function watched(
  slot: string,
  gpu: Pick<HostFacts, "gpus" | "gpuProcesses"> | undefined,
  own: readonly number[] = [],
) {
  const time = virtualTime();
  const memory = newMemory(0, 10, 0);
  const attempt = {
    key: { jobId: "job_1", attempt: 2 },
    spec: { args: { slot } },
    memory,
    environment: {
      time,
      log: () => undefined,
      processes: {
        startTicks: () => null,
        withEnvironment: (entry: string) => (entry === "TRAINYARD_ATTEMPT=job_1/2" ? own : []),
      },
      ...(gpu === undefined ? {} : { gpu }),
    },
  } as unknown as LiveAttempt;
  return { time, memory, peak: createGpuPeak(attempt) };
}

test("keeps the highest memory of the training's own processes, and looks at a low rate", async () => {
  let answers = 0;
  let held = 4_000;
  const { time, memory, peak } = watched(
    "gpu:1",
    {
      gpus: async () => [card(0, 23_000), card(1, held + 700)],
      gpuProcesses: async () => {
        answers += 1;
        return [
          { pid: 10, usedMib: held },
          { pid: 11, usedMib: 500 },
          { pid: 99, usedMib: 9_000 },
        ];
      },
    },
    [10, 11],
  );
  // Every turn of the runner looks; the driver is asked after 0, 1, 3, 7 and 15 s, then once an interval.
  const turnMs = 500;
  for (let atMs = 0; atMs < 60_000; atMs += turnMs) {
    held = atMs === 30_000 ? 15_000 : atMs > 20_000 ? 6_000 : 4_000;
    peak.look();
    await time.advance(turnMs);
  }

  expect(answers).toBe(5 + Math.floor((60_000 - 15_000 - turnMs) / limits.gpuSampleMs));
  expect(memory.gpuPeak).toEqual({ processMib: 15_500, gpuMib: 15_700 });
  expect(peakEvidence(memory)).toEqual({ peak_vram_mib: 15_500, peak_vram_of: "process" });
});

test("where the driver does not name the processes, the card's use stands, and says so", async () => {
  for (const processes of [null, [], [{ pid: 4_000_001, usedMib: 7 }]] as (GpuProcess[] | null)[]) {
    const { time, memory, peak } = watched("gpu:0", {
      gpus: async () => [card(0, 8_123)],
      gpuProcesses: async () => processes,
    });
    peak.look();
    await time.advance(1);

    expect(peakEvidence(memory)).toEqual({ peak_vram_mib: 8_123, peak_vram_of: "gpu" });
  }
});

test("nothing is claimed where nothing was seen", async () => {
  const silent = { gpus: async () => [], gpuProcesses: async () => null };
  const broken = {
    gpus: () => Promise.reject(new Error("no driver")),
    gpuProcesses: async () => null,
  };
  const asked = vi.fn(async () => [card(0, 9)]);
  for (const { time, memory, peak } of [
    watched("gpu:0", silent),
    watched("gpu:0", broken),
    watched("gpu:0", undefined),
    watched("cpu", { gpus: asked, gpuProcesses: async () => [] }),
  ]) {
    peak.look();
    await time.advance(1);
    expect(peakEvidence(memory)).toEqual({});
  }
  expect(asked).not.toHaveBeenCalled();
});

test("a driver that hangs is asked once, not at every turn", async () => {
  const asked = vi.fn(() => new Promise<readonly GpuFact[]>(() => undefined));
  const { time, peak } = watched("gpu:0", { gpus: asked, gpuProcesses: async () => null });
  for (let turn = 0; turn < 10; turn += 1) {
    peak.look();
    await time.advance(limits.gpuSampleMs);
  }

  expect(asked).toHaveBeenCalledTimes(1);
});

test("the driver's list of processes is read as it prints it", () => {
  expect(parseGpuProcesses("4711, 5120\n4712, 300\n")).toEqual([
    { pid: 4_711, usedMib: 5_120 },
    { pid: 4_712, usedMib: 300 },
  ]);
  expect(parseGpuProcesses("")).toEqual([]);
  // A process without a figure makes any sum too small.
  expect(parseGpuProcesses("4711, 5120\n4712, [N/A]\n")).toBeNull();
  expect(parseGpuProcesses("No running processes found\n")).toEqual([]);
});

test("nvidia-smi is asked for exactly that, and a box without it has none", async () => {
  const folder = temporaryFolder();
  const asked = join(folder, "asked");
  const program = join(folder, "nvidia-smi");
  writeFileSync(
    program,
    `#!/bin/sh\necho "$@" >> ${asked}\ncase "$1" in *compute-apps*) echo "12, 5120";; *) echo "0, RTX 4090, 24564, 6000, 3, 41, 22.11";; esac\n`,
  );
  chmodSync(program, 0o755);
  const before = process.env["PATH"];
  onTestFinished(() => {
    process.env["PATH"] = before;
  });
  process.env["PATH"] = `${folder}${delimiter}${before ?? ""}`;
  const log = (): undefined => undefined;
  const system = {
    vitals: async () => ({ cpuPercent: null, memory: null, disk: null }),
    graphics: async () => [],
  };
  const facts = createHostFacts({
    time: systemTime,
    queryGpus: nvidiaCards(log),
    queryGpuProcesses: nvidiaProcesses(log),
    system,
  });

  expect(await facts.gpuProcesses()).toEqual([{ pid: 12, usedMib: 5_120 }]);
  expect((await facts.gpus())[0]).toMatchObject({ index: 0, memoryUsedMib: 6_000 });
  expect(readFileSync(asked, "utf8").split("\n")[0]).toBe(
    "--query-compute-apps=pid,used_gpu_memory,gpu_uuid,process_name --format=csv,noheader,nounits",
  );
  process.env["PATH"] = temporaryFolder();
  expect(
    await createHostFacts({
      time: systemTime,
      queryGpus: nvidiaCards(log),
      queryGpuProcesses: nvidiaProcesses(log),
      system,
    }).gpuProcesses(),
  ).toBeNull();
});

test("the end of a real process carries what was seen while it ran", async () => {
  const home = openHome(temporaryFolder());
  mkdirSync(home.outputs, { recursive: true });
  const spool = openSpool({ path: home.spool, clock: systemTime, log: () => undefined });
  const jobId = newJobId();
  let pid: number | null = null;
  const supervisor = createSupervisor(
    {
      home,
      spool,
      time: systemTime,
      log: () => undefined,
      processes: systemProcesses(),
      bootId: "boot-1",
      launchShim: shimLauncher(shimEntry),
      signal: (target, signal) => void process.kill(target, signal),
      secrets: [],
      deadlines: {
        checkpointMs: 1_500,
        askMs: 300,
        interruptMs: 1_000,
        terminateMs: 1_000,
        killMs: 1_000,
      },
      gpu: {
        gpus: async () => [card(0, 6_000)],
        gpuProcesses: async () => {
          const { handle } = attemptFiles(home, jobId, 1);
          pid ??= (JSON.parse(readFileSync(handle, "utf8")) as { pid: number }).pid;
          return [
            { pid, usedMib: 5_120 },
            { pid: process.pid, usedMib: 1_000 },
          ];
        },
      },
      onCommitted: () => undefined,
    },
    createTrainers([
      // Lives until it is told to end: the sample needs a running process.
      scriptedTrainer("setInterval(() => {}, 1000);"),
    ]),
  );
  onTestFinished(() => {
    supervisor.close();
    spool.close();
  });
  endTrainersAfterTest(jobId, 1);
  await supervisor.start({
    jobId,
    attempt: 1,
    jobName: "job",
    trainer: "scripted",
    document: {},
    guardrails: defaultGuardrailRules,
    slot: "gpu:0",
    totalSteps: 2,
  });
  // The first look may come before the handle is there and throws then; the next one finds it.
  await until(() => pid, "the look at the driver");
  supervisor.stop({ jobId, attempt: 1, by: "user", reason: "", mode: "now" });
  const end = await until(() => {
    const state = lastState(spool.read({ jobId, attempt: 1 }, 1, { items: 9_999, bytes: 1e9 }));
    return state !== null && isTerminal(state.state) ? state : null;
  }, "the end");

  expect(end.evidence).toMatchObject({ peak_vram_mib: 5_120, peak_vram_of: "process" });
});
