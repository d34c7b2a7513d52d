import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createHostFacts } from "../../gpu-agent/host/host-facts.ts";
import {
  nvidiaCards,
  nvidiaProcesses,
  parseGpuProcesses,
  parseGpus,
  parseGpuUsers,
} from "../../gpu-agent/host/nvidia-smi.ts";
import { gpuUsersOf } from "../../gpu-agent/host/gpu-users.ts";
import { systemTime } from "../../gpu-agent/time.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

/**
 * What drivers print, as people reported it of real cards (named behind each); the columns are put into our order. No card was
 * here: the program is a stand-in, the words are the driver's.
 */
const reported = {
  // Drivers before 440 (Megaminer #235).
  "GTX 770, an old driver":
    "0, GeForce GTX 770, [Not Supported], [Not Supported], [Not Supported], 52, [Not Supported]",
  // 440 and later (i3pystatus #776).
  "a 2 GB card, 440": "0, GeForce MX150, 2004, 0, 0, 44, [N/A]",
  "RTX 4080 SUPER": "0, NVIDIA GeForce RTX 4080 SUPER, 16376, 14037, 4, 42, 35.21",
  // nvtop #470: a GeForce cannot be cut, a data-centre card can.
  "RTX 4090, wide":
    "0, NVIDIA GeForce RTX 4090, 24564, 512, 3, 41, 22.11, GPU-1f2e3d4c-0000-0000-0000-000000000001, 450.00, 560.35.03, [N/A]",
  "A100, wide":
    "0, NVIDIA A100-SXM4-80GB, 81920, 3, 0, 31, 61.40, GPU-1f2e3d4c-0000-0000-0000-000000000002, 400.00, 535.86.10, Disabled",
  // nvidia_gpu_exporter #203: in instances the card tells no load, and still its memory.
  "A800 in instances, wide":
    "0, NVIDIA A800-SXM4-80GB, 81920, 36537, [N/A], 33, 87.00, GPU-1f2e3d4c-0000-0000-0000-000000000003, 400.00, 535.86.10, Enabled",
  // One memory for both.
  "GB10, wide":
    "0, NVIDIA GB10, [N/A], [N/A], 0, 44, 10.99, GPU-1f2e3d4c-0000-0000-0000-000000000004, [N/A], 580.95.05, [N/A]",
  // i3pystatus #850, and a card that fell off the bus.
  "a card in trouble":
    "1, NVIDIA GeForce RTX 3090, [Unknown Error], [GPU is lost], [Unknown Error], [GPU is lost], [Unknown Error]",
};

const fact = (line: keyof typeof reported) => parseGpus(reported[line])[0];

describe("what a card tells", () => {
  it("is null where it tells nothing, in every driver's words", () => {
    expect(fact("GTX 770, an old driver")).toEqual({
      index: 0,
      name: "GeForce GTX 770",
      memoryTotalMib: null,
      memoryUsedMib: null,
      utilizationPercent: null,
      temperatureC: 52,
      powerW: null,
    });
    expect(fact("a 2 GB card, 440")).toMatchObject({ memoryTotalMib: 2_004, powerW: null });
    expect(fact("RTX 4080 SUPER")).toMatchObject({
      memoryUsedMib: 14_037,
      utilizationPercent: 4,
      powerW: 35.21,
    });
    expect(fact("a card in trouble")).toMatchObject({
      index: 1,
      memoryTotalMib: null,
      memoryUsedMib: null,
      temperatureC: null,
    });
  });

  it("says whether it can be cut into instances, and is", () => {
    expect(fact("RTX 4090, wide")).toMatchObject({
      uuid: "GPU-1f2e3d4c-0000-0000-0000-000000000001",
      powerLimitW: 450,
      driver: "560.35.03",
      mig: null,
    });
    expect(fact("A100, wide")?.mig).toBe(false);
    expect(fact("A800 in instances, wide")).toMatchObject({
      mig: true,
      utilizationPercent: null,
      memoryUsedMib: 36_537,
    });
    expect(fact("GB10, wide")).toMatchObject({
      memoryTotalMib: null,
      powerLimitW: null,
      powerW: 10.99,
    });
  });

  it("[W17] takes several cards, and words that are no card", () => {
    const two = `${reported["RTX 4080 SUPER"]}\n${reported["a card in trouble"]}\n`;

    expect(parseGpus(two).map(({ index }) => index)).toEqual([0, 1]);
    for (const words of [
      "No devices were found\n",
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
      'Field "mig.mode.current" is not a valid field to query.\n',
      "",
    ]) {
      expect(parseGpus(words)).toEqual([]);
    }
  });
});

describe("who computes on a card", () => {
  it("is told with card and program, or with less", () => {
    const lines = [
      "4711, 5120, GPU-a, /home/me/ai-toolkit/venv/bin/python",
      "4712, [N/A], GPU-b, [Not Found]",
      "4713, 1024, GPU-b, C:\\Program Files\\App, Inc\\app.exe",
      "No running processes found",
    ].join("\n");

    expect(parseGpuUsers(lines)).toEqual([
      { pid: 4_711, usedMib: 5_120, uuid: "GPU-a", name: "python" },
      { pid: 4_712, usedMib: null, uuid: "GPU-b", name: null },
      { pid: 4_713, usedMib: 1_024, uuid: "GPU-b", name: "app.exe" },
    ]);
    expect(parseGpuUsers("12, 5120\n")).toEqual([
      { pid: 12, usedMib: 5_120, uuid: null, name: null },
    ]);
    expect(parseGpuProcesses(lines)).toBeNull();
  });

  it("is a job of this box where its processes carry the job's mark", async () => {
    const cards = parseGpus(
      `${reported["RTX 4090, wide"]}\n${reported["A100, wide"].replace("0,", "1,")}`,
    );
    const users = [
      { pid: 7, usedMib: 5_120, uuid: cards[1]?.uuid ?? null, name: "python" },
      { pid: 8, usedMib: 100, uuid: "MIG-unknown", name: "other" },
    ];
    const found = await gpuUsersOf(
      cards,
      { gpuUsers: async () => users },
      [{ jobId: "job_1", attempt: 2 }],
      {
        startTicks: () => null,
        withEnvironment: (entry) => (entry === "TRAINYARD_ATTEMPT=job_1/2" ? [7] : []),
        withArgument: () => null,
      },
    );

    expect(found).toEqual([
      { pid: 7, name: "python", gpu_index: 1, memory_used_mb: 5_120, job_id: "job_1" },
      { pid: 8, name: "other", gpu_index: null, memory_used_mb: 100, job_id: null },
    ]);
  });
});

describe("the program", () => {
  /** A stand-in that refuses what `refuses` names, as a driver that does not know a column. */
  function standIn(refuses: string, answers: { readonly cards: string; readonly users: string }) {
    const folder = temporaryFolder();
    const asked = join(folder, "asked");
    writeFileSync(
      join(folder, "nvidia-smi"),
      `#!/bin/sh
echo "$1" >> ${asked}
case "$1" in *${refuses}*) echo 'Field "${refuses}" is not a valid field to query.'; exit 2;; esac
case "$1" in *compute-apps*) echo "${answers.users}";; *) echo "${answers.cards}";; esac
`,
    );
    chmodSync(join(folder, "nvidia-smi"), 0o755);
    const before = process.env["PATH"];
    onTestFinished(() => {
      process.env["PATH"] = before;
    });
    process.env["PATH"] = `${folder}${delimiter}${before ?? ""}`;
    const log = (): undefined => undefined;
    const facts = createHostFacts({
      time: systemTime,
      queryGpus: nvidiaCards(log),
      queryGpuProcesses: nvidiaProcesses(log),
      system: {
        vitals: async () => ({ cpuPercent: null, memory: null, disk: null }),
        graphics: async () => [],
      },
    });
    return { facts, asked: () => readFileSync(asked, "utf8").trim().split("\n") };
  }

  it("is asked the wide question, and an older driver the plain one from then on", async () => {
    const { facts, asked } = standIn("mig.mode", {
      cards: reported["a 2 GB card, 440"],
      users: "12, 5120, GPU-a, python",
    });

    expect(await facts.gpus()).toMatchObject([{ name: "GeForce MX150", memoryTotalMib: 2_004 }]);
    expect(await facts.gpuUsers()).toEqual([
      { pid: 12, usedMib: 5_120, uuid: "GPU-a", name: "python" },
    ]);
    expect(asked().map((query) => query.includes("mig.mode"))).toEqual([true, false, false]);
  });

  it("[W31] gives cards and users by the wide question where the driver knows it", async () => {
    const { facts, asked } = standIn("nothing-of-these", {
      cards: reported["RTX 4090, wide"],
      users: "",
    });

    expect(await facts.gpus()).toMatchObject([{ mig: null, driver: "560.35.03" }]);
    expect(await facts.gpuUsers()).toEqual([]);
    expect(asked()).toHaveLength(2);
  });
});
