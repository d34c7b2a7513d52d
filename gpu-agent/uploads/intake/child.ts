/**
 * A process of its own for what strangers packed and encoded: a hostile file ends this process and not the agent. It answers one
 * request at a time over IPC, leaves when nobody asks for a while or the agent is gone, and ends itself when a decoder takes more
 * memory than a picture may. The kernel is told to take it first when memory runs out; a training goes first to the processor.
 */
import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { parseArgs } from "node:util";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { IntakeRequest } from "./messages.ts";
import { takePicture } from "./take-picture.ts";
import { unpackArchive } from "./unpack-archive.ts";

const { values } = parseArgs({ options: { "idle-ms": { type: "string" } } });
if (process.send === undefined) throw new Error("usage: started by the agent, with an IPC channel");
const idleMs = Number(values["idle-ms"] ?? 20_000);
const memoryLookMs = 200;
/** Its own end, told apart from a crash. */
const tooMuchMemory = 71;

yieldToOthers();
let idle = setTimeout(leave, idleMs);
setInterval(() => {
  if (process.memoryUsage.rss() > limits.decoderBytes) process.exit(tooMuchMemory);
}, memoryLookMs).unref();
process.on("disconnect", leave);
process.on("message", (message) => {
  clearTimeout(idle);
  void answer(message as IntakeRequest).then((reply) => {
    process.send?.(reply);
    clearTimeout(idle);
    idle = setTimeout(leave, idleMs);
  });
});

async function answer(request: IntakeRequest): Promise<unknown> {
  const { id } = request;
  try {
    const result =
      request.want === "picture" ? await takePicture(request) : await unpackArchive(request);
    return { id, answer: result };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message, hint, details } = error;
    return { id, problem: { code, message, hint: hint ?? null, details: details ?? {} } };
  }
}

function leave(): void {
  process.exit(0);
}

function yieldToOthers(): void {
  try {
    setPriority(10);
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // Not every system lets a process say so; the limits hold all the same.
  }
}
