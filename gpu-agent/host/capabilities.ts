import { arch, hostname, platform, release } from "node:os";
import type { Capabilities } from "@trainyard/shared/protocol/messages.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import { agentTools } from "../tools/handlers.ts";
import type { Trainers } from "../trainers/detect.ts";
import type { HostFacts } from "./host-facts.ts";

/** What this box says of itself in every hello. */
export async function describeBox(box: {
  readonly host: HostFacts;
  readonly trainers: Trainers;
  readonly software: string;
}): Promise<Capabilities> {
  const [gpus, trainers] = await Promise.all([box.host.gpus(), box.trainers.facts()]);
  return {
    name: hostname().slice(0, 80) || "box",
    software: box.software,
    platform: `${platform()} ${arch()} ${release()}`.slice(0, 80),
    trainers: [...trainers],
    // The CPU is a queue of its own: the tiny trainer does not wait for a GPU.
    slots: [...gpus.map((gpu) => `gpu:${gpu.index}`), "cpu"],
    operations: Object.keys(operations),
    tools: [...agentTools.keys()],
    gpus: gpus.map((gpu) => ({
      index: gpu.index,
      name: gpu.name,
      memoryMib: Math.trunc(gpu.memoryTotalMib ?? 0),
    })),
  };
}
