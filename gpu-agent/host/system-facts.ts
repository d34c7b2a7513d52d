import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { z } from "zod";
import type { Log } from "../log.ts";
import type { Time } from "../time.ts";
import { graphicsAnswer, vitalsAnswer } from "./system-messages.ts";
import type { GraphicsAnswer, SystemRequest, VitalsAnswer } from "./system-messages.ts";

/** Facts that a library finds in a process of its own. Null when it could not; never throws. */
export interface SystemFacts {
  vitals(path: string): Promise<VitalsAnswer["vitals"] | null>;
  graphics(): Promise<GraphicsAnswer["controllers"]>;
  close(): void;
}

export interface SystemFactsOptions {
  /** Script that is started as a process of its own. */
  readonly entry: string;
  readonly time: Time;
  readonly log: Log;
  /** The child goes when nobody has asked for so long. */
  readonly idleMs?: number;
  readonly timeoutMs?: number;
}

const defaults = { idleMs: 20_000, timeoutMs: 8_000 };
/** A child that failed is left alone for so long: every answer would wait for it in vain. */
const restMs = 60_000;

type Question = { readonly want: "vitals"; readonly path: string } | { readonly want: "graphics" };

export function createSystemFacts(options: SystemFactsOptions): SystemFacts {
  const { time, log } = options;
  const { timeoutMs = defaults.timeoutMs } = options;
  let current: ChildProcess | null = null;
  let restUntil = Number.NEGATIVE_INFINITY;
  let closed = false;
  let lastId = 0;
  let last: Promise<unknown> = Promise.resolve();
  /** The same question asked again meanwhile is the same question, so at most one of each waits. */
  const waiting = new Map<string, Promise<unknown>>();

  const start = (): ChildProcess => {
    const child = startChild(options);
    child.once("exit", () => {
      if (current === child) current = null;
    });
    current = child;
    return child;
  };
  const giveUp = (reason: string): null => {
    current?.kill("SIGKILL");
    current = null;
    if (closed) return null;
    restUntil = time.monotonic() + restMs;
    log("warn", "the system child gave no facts; the agent's own are used", { reason });
    return null;
  };

  const exchange = async <Answer>(
    question: Question,
    schema: z.ZodType<Answer>,
  ): Promise<Answer | null> => {
    if (closed || time.monotonic() < restUntil) return null;
    const request: SystemRequest = { id: (lastId += 1), ...question };
    const old = current;
    let outcome = await send(old ?? start(), request, { time, timeoutMs });
    // One that had answered before may have left at this very moment; a fresh one does not.
    if (outcome.kind === "gone" && old !== null && !closed)
      outcome = await send(start(), request, { time, timeoutMs });
    if (outcome.kind !== "answer") return giveUp(outcome.reason);
    const parsed = schema.safeParse(outcome.message);
    return parsed.success ? parsed.data : giveUp("its answer does not have the agreed form");
  };

  /** One request at a time: the next begins when the one before has ended. */
  const ask = <Answer>(question: Question, schema: z.ZodType<Answer>): Promise<Answer | null> => {
    const name = JSON.stringify(question);
    const asked = waiting.get(name) as Promise<Answer | null> | undefined;
    if (asked !== undefined) return asked;
    const answer = last
      .then(() => exchange(question, schema))
      .catch((error: unknown) => giveUp(String(error)))
      .finally(() => waiting.delete(name));
    waiting.set(name, answer);
    last = answer;
    return answer;
  };

  return {
    vitals: async (path) => (await ask({ want: "vitals", path }, vitalsAnswer))?.vitals ?? null,
    graphics: async () => (await ask({ want: "graphics" }, graphicsAnswer))?.controllers ?? null,
    close() {
      closed = true;
      current?.kill();
      current = null;
    },
  };
}

type Outcome =
  | { readonly kind: "answer"; readonly message: unknown }
  | { readonly kind: "gone"; readonly reason: string }
  | { readonly kind: "late"; readonly reason: string };

function send(
  child: ChildProcess,
  request: SystemRequest,
  { time, timeoutMs }: { readonly time: Time; readonly timeoutMs: number },
): Promise<Outcome> {
  return new Promise((resolve) => {
    const settle = (outcome: Outcome): void => {
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

function startChild({ entry, idleMs = defaults.idleMs }: SystemFactsOptions): ChildProcess {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", entry, "--idle-ms", String(idleMs)],
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
