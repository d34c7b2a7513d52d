/**
 * The process between agent and trainer. It outlives the agent, starts one trainer in a session of its own with files as
 * its output, and writes down how it ended. Plain Node modules only: it stays in memory as long as the training runs.
 */
import { spawn } from "node:child_process";
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { acquireLock } from "../home-lock.ts";

interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly outputLock: string;
}

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: shim <attempt folder>");
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

if (begin()) run();

/** Exactly one shim of an attempt gets past this, however often an agent that crashed starts another. */
function begin(): boolean {
  let gate: number;
  try {
    gate = openSync(at("begun.json"), "wx", 0o600);
  } catch (error) {
    if ((error as { code?: unknown }).code === "EEXIST") return false;
    throw error;
  }
  writeSync(
    gate,
    JSON.stringify({ shimPid: process.pid, shimStartTicks: startTicks(process.pid) }),
  );
  fsyncSync(gate);
  closeSync(gate);
  return true;
}

function run(): void {
  const launch = JSON.parse(readFileSync(at("launch.json"), "utf8")) as Launch;
  let lock: ReturnType<typeof acquireLock>;
  try {
    lock = acquireLock(launch.outputLock);
  } catch (error) {
    // Said in exit.json, or the job would seem to have vanished.
    end({ error: whyNotWritable(dirname(launch.outputLock), error), outputFolder: true });
    return;
  }
  if (lock === null) {
    end({ error: "Another trainer holds the output folder." });
    return;
  }
  const out = openSync(at("stdout.log"), "a", 0o600);
  const err = openSync(at("stderr.log"), "a", 0o600);
  // `detached` is a session of its own: a signal to the group reaches the trainer's children and not this process.
  const trainer = spawn(launch.command, [...launch.args], {
    cwd: launch.cwd,
    detached: true,
    stdio: ["ignore", out, err],
  });
  closeSync(out);
  closeSync(err);
  trainer.once("error", (error) => {
    if (trainer.pid !== undefined) return;
    end({ error: error.message });
    lock.release();
  });
  trainer.once("exit", (code, signal) => {
    end(signal === null ? { code: code ?? 0 } : { signal });
    lock.release();
  });
  if (trainer.pid === undefined) return;
  writeDurably("handle.json", {
    pid: trainer.pid,
    startTicks: startTicks(trainer.pid),
    bootId: process.env["TRAINYARD_BOOT_ID"] ?? "",
    shimPid: process.pid,
    shimStartTicks: startTicks(process.pid),
    startedAtMs: Date.now(),
  });
}

/** SQLite only says that it cannot open its file; the system knows why. */
function whyNotWritable(path: string, error: unknown): string {
  try {
    accessSync(path, constants.W_OK);
  } catch (denied) {
    return String(denied);
  }
  return String(error);
}

type Outcome =
  | { code: number }
  | { signal: string }
  /** `outputFolder`: that folder cannot be written. */
  | { error: string; outputFolder?: true };

function end(outcome: Outcome): void {
  writeDurably("exit.json", { ...outcome, endedAtMs: Date.now() });
}

function at(name: string): string {
  return join(folder as string, name);
}

/** Null where there is no /proc; the agent then takes the start time itself. Read while the child cannot be reaped yet. */
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

function writeDurably(name: string, value: object): void {
  const temporary = at(`${name}.tmp`);
  const file = openSync(temporary, "w", 0o600);
  writeSync(file, JSON.stringify(value));
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, at(name));
  const parent = openSync(dirname(at(name)), "r");
  fsyncSync(parent);
  closeSync(parent);
}
