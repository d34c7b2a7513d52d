import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Time } from "./time.ts";

/** A library that is large, or decodes what strangers made, runs in a process of its own that goes when nobody asks. */
export interface ChildProgram {
  /** One question and its answer; the child is started when none is there. The caller asks one at a time. */
  ask(request: ChildRequest, timeoutMs: number): Promise<ChildOutcome>;
  /** Ends the child that is there, if any: it hangs, or holds what is no longer wanted. */
  kill(): void;
  close(): void;
}

interface ChildRequest {
  readonly id: number;
}

type ChildOutcome =
  | { readonly kind: "answer"; readonly message: unknown }
  /** It ended before it answered: a crash, or killed for its memory. */
  | { readonly kind: "gone"; readonly reason: string }
  | { readonly kind: "late"; readonly reason: string };

export interface ChildProgramOptions {
  /** Script that is started as a process of its own. */
  readonly entry: string;
  readonly time: Time;
  /** The child goes by itself when nobody has asked for so long. */
  readonly idleMs: number;
  /** Options of Node before the script. */
  readonly nodeOptions?: readonly string[];
}

export function createChildProgram(options: ChildProgramOptions): ChildProgram {
  let current: ChildProcess | null = null;
  let closed = false;

  const start = (): ChildProcess => {
    const child = startChild(options);
    child.once("exit", () => {
      if (current === child) current = null;
    });
    current = child;
    return child;
  };

  return {
    async ask(request, timeoutMs) {
      const old = current;
      const outcome = await send(old ?? start(), request, { time: options.time, timeoutMs });
      // One that had answered before may have left at this very moment; a fresh one does not.
      if (outcome.kind !== "gone" || old === null || closed) return outcome;
      return send(start(), request, { time: options.time, timeoutMs });
    },
    kill() {
      current?.kill("SIGKILL");
      current = null;
    },
    close() {
      closed = true;
      current?.kill();
      current = null;
    },
  };
}

function send(
  child: ChildProcess,
  request: ChildRequest,
  { time, timeoutMs }: { readonly time: Time; readonly timeoutMs: number },
): Promise<ChildOutcome> {
  return new Promise((resolve) => {
    const settle = (outcome: ChildOutcome): void => {
      timer.cancel();
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
      resolve(outcome);
    };
    const onMessage = (message: unknown): void => {
      if (idOf(message) === request.id) settle({ kind: "answer", message });
    };
    const onExit = (code: number | null, signal: string | null): void =>
      settle({ kind: "gone", reason: signal ?? `exit code ${code ?? "unknown"}` });
    const onError = (error: Error): void => settle({ kind: "gone", reason: error.message });
    const timer = time.after(timeoutMs, () =>
      settle({ kind: "late", reason: `no answer in ${timeoutMs} ms` }),
    );
    child.on("message", onMessage).on("exit", onExit).on("error", onError);
    child.send(request, (error) => {
      if (error !== null) onError(error);
    });
  });
}

function idOf(message: unknown): unknown {
  return typeof message === "object" && message !== null && "id" in message ? message.id : null;
}

function startChild({ entry, idleMs, nodeOptions = [] }: ChildProgramOptions): ChildProcess {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", ...nodeOptions, entry, "--idle-ms", String(idleMs)],
    {
      env: childEnvironment(process.env),
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      windowsHide: true,
    },
  );
  // Without a listener an error would end the agent; whoever waits for an answer hears of it.
  child.on("error", () => undefined);
  // It leaves by itself, and must not keep an agent that is done.
  child.unref();
  child.channel?.unref();
  return child;
}

/** A list, never a copy: the tools that the library starts need no secret of ours. */
const names = ["PATH", "HOME", "LANG", "TZ", "SystemRoot", "WINDIR", "TEMP", "TMP", "PATHEXT"];

function childEnvironment(
  source: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = source[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
