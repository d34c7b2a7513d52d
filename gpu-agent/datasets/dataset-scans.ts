import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { AppError } from "@trainyard/shared/errors.ts";
import type { Log } from "../log.ts";
import type { Time, Timer } from "../time.ts";
import type { AnswerOfScan, ScanQuestion, ScanReply, ScanRequest } from "./scan/messages.ts";

/** Looks at datasets in a process of its own. Throws SCAN_FAILED when that cannot be had. */
export interface DatasetScans {
  ask<Want extends ScanQuestion["want"]>(
    question: Extract<ScanQuestion, { want: Want }>,
  ): Promise<AnswerOfScan<Want>>;
  close(): void;
}

export interface DatasetScansOptions {
  /** Script that is started as a process of its own. */
  readonly entry: string;
  /** SQLite file with what was found of each picture. */
  readonly index: string;
  readonly time: Time;
  readonly log: Log;
  /** Whether something trains beside: pictures then come one by one. */
  readonly gentle: () => boolean;
  readonly idleMs?: number;
}

/** A child that says nothing for so long hangs; it says something twice a second. */
const silentMs = 30_000;
/**
 * Deaths on the way to one answer. Each picture that kills is found out and left aside within three, so this is a dataset of
 * bombs, and what is known of it is answered at the next call.
 */
const deathsMost = 12;

interface Pending {
  readonly request: ScanRequest;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: AppError) => void;
  deaths: number;
}

export function createDatasetScans(options: DatasetScansOptions): DatasetScans {
  const { time, log } = options;
  const pending = new Map<number, Pending>();
  let child: ChildProcess | null = null;
  let watch: Timer | null = null;
  let lastId = 0;
  let closed = false;

  const settle = (id: number): Pending | null => {
    const found = pending.get(id) ?? null;
    pending.delete(id);
    if (pending.size === 0) watch?.cancel();
    return found;
  };
  const listen = (): void => {
    watch?.cancel();
    watch =
      pending.size === 0
        ? null
        : time.after(silentMs, () => {
            log("warn", "the dataset child hangs and is ended", {});
            child?.kill("SIGKILL");
          });
  };
  const start = (): ChildProcess => {
    const started = startChild(options);
    started.on("message", (message) => {
      listen();
      const reply = message as ScanReply;
      if (reply.kind === "answer") settle(reply.id)?.resolve(reply.answer);
      else if (reply.kind === "failed") settle(reply.id)?.reject(scanFailed(reply.reason));
    });
    const gone = (reason: string): void => {
      if (child !== started) return;
      child = null;
      watch?.cancel();
      if (pending.size > 0) log("warn", "the dataset child ended", { reason });
      for (const one of pending.values()) again(one, reason);
    };
    started.once("exit", (code, signal) => gone(signal ?? `exit code ${code ?? "unknown"}`));
    started.once("error", (error) => gone(error.message));
    child = started;
    return started;
  };
  const again = (one: Pending, reason: string): void => {
    one.deaths += 1;
    if (closed || one.deaths > deathsMost) settle(one.request.id)?.reject(scanFailed(reason));
    else send(one);
  };
  const send = (one: Pending): void => {
    const to = child ?? start();
    listen();
    // A child that leaves at this very moment ends, and its end sends this again.
    to.send(one.request, () => undefined);
  };

  return {
    ask(question) {
      if (closed) return Promise.reject(scanFailed("the agent stops"));
      return new Promise((resolve, reject) => {
        const request = { id: (lastId += 1), question, gentle: options.gentle() };
        const one: Pending = {
          request,
          resolve: resolve as (answer: unknown) => void,
          reject,
          deaths: 0,
        };
        pending.set(request.id, one);
        send(one);
      });
    },
    close() {
      closed = true;
      watch?.cancel();
      child?.disconnect();
      child = null;
      for (const id of pending.keys()) settle(id)?.reject(scanFailed("the agent stops"));
    },
  };
}

function scanFailed(reason: string): AppError {
  return new AppError("SCAN_FAILED", "The dataset could not be looked at.", {
    hint: "Call again; the agent's log on the box says why.",
    details: { reason },
  });
}

function startChild({ entry, index, idleMs }: DatasetScansOptions): ChildProcess {
  const idle = idleMs === undefined ? [] : ["--idle-ms", String(idleMs)];
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", entry, "--index", index, ...idle],
    {
      // A list, never a copy: a decoder needs no secret of ours.
      env: Object.fromEntries(
        ["PATH", "HOME", "LANG", "TZ", "SystemRoot", "WINDIR", "TEMP", "TMP"].flatMap((name) => {
          const value = process.env[name];
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      windowsHide: true,
    },
  );
  // It leaves by itself, and must not keep an agent that is done.
  child.unref();
  child.channel?.unref();
  return child;
}
