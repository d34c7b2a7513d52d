import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Env } from "../../../control-plane/env.ts";

const bindings = env as unknown as Env;
const day = 24 * 3_600_000;

/** A Hub under a clock of our own: alarms are run in their order, and time jumps to each. */
export interface VirtualHub {
  now(): number;
  /** Runs every alarm due within this time; afterwards it is that much later. */
  pass(ms: number): Promise<void>;
  /** Runs alarms that are due until the work is done; a call that waits for a delivery needs them. */
  during<Value>(work: Promise<Value>): Promise<Value>;
  nextAlarmAtMs(): Promise<number | null>;
}

/** Object variables that a test's Hub has, as the operator would set them. */
export async function configureHub(owner: string, vars: Partial<Env> = {}): Promise<void> {
  await runInDurableObject(bindings.HUB.getByName(owner), (hub) => {
    Object.assign((hub as unknown as { env: Env }).env, {
      TRAINYARD_LINK_KEY: "0123456789abcdef".repeat(4),
      TRAINYARD_WEBHOOK_ALLOW: undefined,
      ...vars,
    });
  });
}

/** Starts a day ahead of the real clock, so that no alarm fires by itself. End it with `vi.useRealTimers()`. */
export function virtualHub(owner: string): VirtualHub {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + day });
  const stub = () => bindings.HUB.getByName(owner);
  const nextAlarmAtMs = () => runInDurableObject(stub(), (_hub, state) => state.storage.getAlarm());
  const step = async (untilMs: number): Promise<boolean> => {
    const atMs = await nextAlarmAtMs();
    if (atMs === null || atMs > untilMs) return false;
    if (atMs > Date.now()) vi.setSystemTime(atMs);
    return runDurableObjectAlarm(stub());
  };
  return {
    now: () => Date.now(),
    nextAlarmAtMs,
    async pass(ms) {
      const untilMs = Date.now() + ms;
      while (await step(untilMs));
      vi.setSystemTime(untilMs);
    },
    async during(work) {
      const state = { over: false };
      const done = work.finally(() => {
        state.over = true;
      });
      while (!state.over) {
        await step(Date.now());
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return done;
    },
  };
}
