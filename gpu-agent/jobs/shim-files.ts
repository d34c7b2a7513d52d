import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import type { ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import type { AttemptFiles } from "../home.ts";

const handleSchema = z.object({
  pid: z.int(),
  startTicks: z.string().nullable(),
  bootId: z.string(),
  shimPid: z.int(),
  shimStartTicks: z.string().nullable(),
});
export type ShimHandle = z.infer<typeof handleSchema>;

const begunSchema = z.object({ shimPid: z.int(), shimStartTicks: z.string().nullable() });
export type ShimBegun = z.infer<typeof begunSchema>;

const exitSchema = z.union([
  z.object({ error: z.string(), outputFolder: z.boolean().optional(), endedAtMs: z.number() }),
  z.object({ signal: z.string(), endedAtMs: z.number() }),
  z.object({ code: z.int(), endedAtMs: z.number() }),
]);

export interface ShimExit {
  readonly end: ProcessEnd;
  readonly endedAtMs: number;
}

export function readHandle(files: AttemptFiles): ShimHandle | null {
  const text = readIfThere(files.handle);
  return text === null ? null : handleSchema.parse(JSON.parse(text));
}

/** `unreadable`: the gate was taken, and its owner died before it wrote who it is. */
export function readBegun(files: AttemptFiles): ShimBegun | "unreadable" | null {
  const text = readIfThere(files.begun);
  if (text === null) return null;
  try {
    return begunSchema.parse(JSON.parse(text));
  } catch {
    return "unreadable";
  }
}

export function readExit(files: AttemptFiles): ShimExit | null {
  const text = readIfThere(files.exit);
  if (text === null) return null;
  const exit = exitSchema.parse(JSON.parse(text));
  const { endedAtMs } = exit;
  if ("error" in exit) {
    const outputFolder = exit.outputFolder === true;
    return { end: { kind: "spawn-failed", reason: exit.error, outputFolder }, endedAtMs };
  }
  if ("signal" in exit) return { end: { kind: "signaled", signal: exit.signal }, endedAtMs };
  return { end: { kind: "exited", code: exit.code }, endedAtMs };
}

function readIfThere(path: string): string | null {
  if (!existsSync(path)) return null;
  return readFileSync(path, "utf8");
}
