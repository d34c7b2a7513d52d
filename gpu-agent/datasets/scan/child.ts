/**
 * A process of its own for everything that reads pictures: what a hostile file does to a decoder ends this process and not the
 * agent, whose memory and event loop stay free. It leaves when nobody asks for a while or the agent is gone. The kernel is told to
 * take it first when memory runs out, and a training beside it goes first to the processor.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism, setPriority } from "node:os";
import { parseArgs } from "node:util";
import { limits } from "@trainyard/shared/limits.ts";
import { lookAtPicture } from "./look-at-picture.ts";
import type { ScanReply, ScanRequest } from "./messages.ts";
import { openPictureIndex } from "./picture-index.ts";
import { createPictureQueue } from "./picture-queue.ts";
import { createScanner } from "./scanner.ts";

const { values } = parseArgs({
  options: { index: { type: "string" }, "idle-ms": { type: "string" } },
});
if (process.send === undefined || values.index === undefined)
  throw new Error("usage: started by the agent, with an IPC channel and --index");

const idleMs = Number(values["idle-ms"] ?? 20_000);
const beatMs = 500;
/** Longer than sharp's own limit: a decoder that does not hear of it holds a thread that nothing frees. */
const stuckMs = (limits.imageSeconds + 10) * 1_000;
const niceness = 10;

yieldToOthers();
const index = openPictureIndex(values.index);
const fast = Math.max(1, Math.min(limits.imagesAtOnce, availableParallelism()));
const queue = createPictureQueue(index, guarded, fast);
const scanner = createScanner(index, queue);
let asked = 0;
let lastBusyAt = performance.now();

process.on("disconnect", leave);
process.on("message", (message) => void receive(message as ScanRequest));
setInterval(() => {
  if (process.memoryUsage.rss() > limits.decoderBytes) process.exit(71);
  const busy = asked > 0 || queue.isBusy();
  if (busy) {
    lastBusyAt = performance.now();
    reply({ kind: "beat" });
  } else if (performance.now() - lastBusyAt > idleMs) leave();
}, beatMs);

async function receive({ id, question, gentle }: ScanRequest): Promise<void> {
  asked += 1;
  queue.setPace(gentle ? 1 : fast);
  try {
    reply({ kind: "answer", id, answer: await scanner.answer(question) });
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    reply({ kind: "failed", id, reason: typeof code === "string" ? code : String(error) });
  } finally {
    asked -= 1;
    lastBusyAt = performance.now();
  }
}

async function guarded(folder: string, path: string) {
  const stuck = setTimeout(() => process.exit(70), stuckMs);
  try {
    return await lookAtPicture(folder, path);
  } finally {
    clearTimeout(stuck);
  }
}

function reply(message: ScanReply): void {
  process.send?.(message);
}

function leave(): void {
  index.letGo();
  index.close();
  process.exit(0);
}

function yieldToOthers(): void {
  try {
    setPriority(niceness);
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // Not every system lets a process say so; the limits hold all the same.
  }
}
