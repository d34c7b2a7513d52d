/**
 * A process of its own for systeminformation, so that the agent's memory does not hold it and a hanging `df` does not
 * hold the agent. Answers requests over IPC and exits by itself when nobody asks for a while or the agent is gone.
 */
import { realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { currentLoad, fsSize, graphics, mem } from "systeminformation";
import type { GraphicsAnswer, SystemRequest, VitalsAnswer } from "./system-messages.ts";

/** Together below the agent's own limit of 8 s. */
const loadLimitMs = 2_500;
const listingLimitMs = 4_500;
const graphicsLimitMs = 7_000;
const loadWindowMs = 500;

const { values } = parseArgs({ options: { "idle-ms": { type: "string" } } });
const idleMs = Number(values["idle-ms"] ?? 20_000);
let idle = setTimeout(leave, idleMs);
let measured = false;

if (process.send === undefined) throw new Error("usage: started by the agent, with an IPC channel");
process.on("disconnect", leave);
process.on("message", (message) => {
  clearTimeout(idle);
  void answer(message as SystemRequest).then((reply) => {
    process.send?.(reply);
    clearTimeout(idle);
    idle = setTimeout(leave, idleMs);
  });
});

function leave(): void {
  process.exit(0);
}

async function answer(request: SystemRequest): Promise<VitalsAnswer | GraphicsAnswer> {
  if (request.want === "graphics")
    return { id: request.id, controllers: await within(graphicsLimitMs, controllers) };
  // Measured alone, so that our own listings are no part of the load.
  const cpuPercent = await within(loadLimitMs, load);
  const [memory, disk] = await Promise.all([
    within(listingLimitMs, memoryNow),
    within(listingLimitMs, () => diskOf(request.path)),
  ]);
  return { id: request.id, vitals: { cpuPercent, memory, disk } };
}

async function within<Fact>(
  limitMs: number,
  find: () => Promise<Fact | null>,
): Promise<Fact | null> {
  const late = new AbortController();
  const limit = wait(limitMs, null, { signal: late.signal }).catch(() => null);
  const fact = await Promise.race([find().catch(() => null), limit]);
  late.abort();
  return fact;
}

async function load(): Promise<number | null> {
  // The library's first call measures half a second by itself. A later one measures since the call before, which may be
  // long ago: it only opens the window.
  if (measured) {
    await currentLoad();
    await wait(loadWindowMs);
  }
  const { currentLoad: percent } = await currentLoad();
  measured = true;
  return percent >= 0 && percent <= 100 ? Math.round(10 * percent) / 10 : null;
}

async function memoryNow(): Promise<{ totalBytes: number; usedBytes: number } | null> {
  // Caches count as free: the library's own `used` has them in it.
  const { total, available } = await mem();
  return total > 0 && available >= 0 && available <= total
    ? { totalBytes: total, usedBytes: total - available }
    : null;
}

/** The device number decides: by its path alone a home on a file system that is not listed would get its parent's numbers. */
async function diskOf(path: string): Promise<{ totalBytes: number; freeBytes: number } | null> {
  const place = await realpath(path);
  const { dev } = await stat(place);
  const isBelow = (mount: string): boolean =>
    place === mount || place.startsWith(mount.endsWith(sep) ? mount : mount + sep);
  for (const { fs, mount, size, available } of await fsSize()) {
    // A far mount that does not answer would take the time of all.
    if (!fs.startsWith("/dev/") && !isBelow(mount)) continue;
    const there = await stat(mount).catch(() => null);
    if (there?.dev !== dev || !(size > 0) || !(available >= 0)) continue;
    return { totalBytes: size, freeBytes: available };
  }
  return null;
}

async function controllers(): Promise<GraphicsAnswer["controllers"]> {
  const found = await graphics();
  // Its `vram` is left out: on Linux it is the size of a memory window, not of the card's memory.
  return found.controllers.slice(0, 64).map(({ vendor, model, temperatureGpu }) => ({
    vendor: vendor.slice(0, 200),
    model: model.slice(0, 200),
    temperatureC:
      typeof temperatureGpu === "number" && Number.isFinite(temperatureGpu) ? temperatureGpu : null,
  }));
}
