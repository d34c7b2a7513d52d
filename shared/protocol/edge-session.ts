import type { WireError } from "../errors.ts";
import { limits } from "../limits.ts";

/**
 * The Hub's rules about who speaks for an agent ([E] rules). The epoch is the fencing token: it rises with every accepted
 * hello, and a frame that carries an older one is refused, so a socket that lingers can change nothing.
 */
export interface EdgeSession {
  readonly epoch: number;
  readonly instanceId: string;
  readonly machineId: string;
  readonly bootId: string;
  /** Last sign of life of the socket, hub clock. */
  readonly lastSeenAtMs: number;
  readonly connected: boolean;
}

export interface HelloIdentity {
  readonly instanceId: string;
  readonly machineId: string;
  readonly bootId: string;
}

export type Admission =
  | { readonly kind: "accept"; readonly session: EdgeSession; readonly replaces: boolean }
  | { readonly kind: "reject"; readonly error: WireError; readonly retryAfterMs: number };

/**
 * [E2] The newest process of the same machine wins: it is the same agent, restarted. [E3] Another machine with the same
 * key is let in only when the incumbent is gone or silent; otherwise two boxes would fence each other out in turns.
 */
export function admit(
  incumbent: EdgeSession | null,
  hello: HelloIdentity,
  nowMs: number,
): Admission {
  const alive =
    incumbent !== null &&
    incumbent.connected &&
    nowMs - incumbent.lastSeenAtMs < limits.staleAfterMs;
  const sameMachine = incumbent !== null && incumbent.machineId === hello.machineId;
  if (alive && !sameMachine) {
    return {
      kind: "reject",
      error: {
        code: "IDENTITY_IN_USE",
        message: "Another machine is connected with this agent's identity.",
        hint: "Give each box its own home (and so its own key); stop one of the two agents.",
      },
      retryAfterMs: limits.reconnectCapMs,
    };
  }
  return {
    kind: "accept",
    replaces: incumbent !== null && incumbent.connected,
    session: {
      epoch: (incumbent?.epoch ?? 0) + 1,
      instanceId: hello.instanceId,
      machineId: hello.machineId,
      bootId: hello.bootId,
      lastSeenAtMs: nowMs,
      connected: true,
    },
  };
}

export function isCurrent(session: EdgeSession | null, epoch: number): boolean {
  return session !== null && session.epoch === epoch;
}

export type Connectivity = "live" | "stale" | "offline";

/** [E5] Silence changes only what is shown beside the state, never the state. */
export function connectivityOf(
  connected: boolean,
  lastSeenAtMs: number | null,
  nowMs: number,
): Connectivity {
  if (lastSeenAtMs === null) return "offline";
  const silentMs = nowMs - lastSeenAtMs;
  if (connected && silentMs < limits.staleAfterMs) return "live";
  return silentMs < limits.offlineAfterMs ? "stale" : "offline";
}
