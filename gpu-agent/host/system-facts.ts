import type { z } from "zod";
import { createChildProgram } from "../child-program.ts";
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
  const child = createChildProgram({ idleMs: defaults.idleMs, ...options });
  let restUntil = Number.NEGATIVE_INFINITY;
  let closed = false;
  let lastId = 0;
  let last: Promise<unknown> = Promise.resolve();
  /** The same question asked again meanwhile is the same question, so at most one of each waits. */
  const waiting = new Map<string, Promise<unknown>>();

  const giveUp = (reason: string): null => {
    child.kill();
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
    const outcome = await child.ask(request, timeoutMs);
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
      child.close();
    },
  };
}
