import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { encodeMessage } from "@trainyard/shared/protocol/codec.ts";
import { connectivityOf } from "@trainyard/shared/protocol/edge-session.ts";
import type { Connectivity, EdgeSession } from "@trainyard/shared/protocol/edge-session.ts";
import { capabilitiesSchema } from "@trainyard/shared/protocol/messages.ts";
import type { Capabilities, EdgeMessage } from "@trainyard/shared/protocol/messages.ts";
import type { OperationName } from "@trainyard/shared/protocol/operations.ts";
import { helloText, protocolVersions } from "@trainyard/shared/protocol/version.ts";
import { z } from "zod";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";

/** What a socket must still know after the object slept. Read back through a schema like any other input. */
const attachmentSchema = z.object({
  agentId: z.string(),
  publicKey: z.string(),
  nonce: z.string(),
  origin: z.string(),
  acceptedAtMs: z.number(),
  epoch: z.int().nullable(),
});
export type Attachment = z.infer<typeof attachmentSchema>;

export interface KnownAgent {
  readonly agentId: string;
  readonly epoch: number;
  readonly instanceId: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly capabilities: Capabilities;
  readonly connectedAtMs: number;
  readonly lastSeenAtMs: number;
}

/** Close codes of the link; 4000 and above are ours. */
export const closeCodes = {
  badFrame: 4400,
  badSignature: 4401,
  superseded: 4409,
  helloTimeout: 4408,
} as const;

/** Sockets and agents of one owner: who is connected, under which epoch, seen when. */
export function createSessions(ctx: DurableObjectState, store: Store) {
  const agents = new Map<string, KnownAgent>();
  for (const row of store.rows("SELECT * FROM agents")) {
    agents.set(text(row, "agent_id"), {
      agentId: text(row, "agent_id"),
      epoch: Number(row["epoch"]),
      instanceId: text(row, "instance_id"),
      machineId: text(row, "machine_id"),
      bootId: text(row, "boot_id"),
      capabilities: capabilitiesSchema.parse(JSON.parse(text(row, "capabilities"))),
      connectedAtMs: Number(row["connected_at_ms"]),
      lastSeenAtMs: Number(row["last_seen_at_ms"]),
    });
  }
  /** Frames of this wake-up; the socket's own auto-response time covers the rest. */
  const framesSeenAtMs = new Map<string, number>();

  const attachmentOf = (socket: WebSocket): Attachment =>
    attachmentSchema.parse(socket.deserializeAttachment());

  const socketsOf = (agentId: string): WebSocket[] =>
    ctx.getWebSockets(agentId).filter((socket) => socket.readyState === WebSocket.OPEN);

  const currentSocket = (agentId: string): WebSocket | null => {
    const epoch = agents.get(agentId)?.epoch;
    return (
      socketsOf(agentId).find(
        (socket) => epoch !== undefined && attachmentOf(socket).epoch === epoch,
      ) ?? null
    );
  };

  const lastSeenAtMs = (agentId: string): number | null => {
    const known = agents.get(agentId);
    if (known === undefined) return null;
    const socket = currentSocket(agentId);
    const ping = socket === null ? null : ctx.getWebSocketAutoResponseTimestamp(socket);
    return Math.max(known.lastSeenAtMs, framesSeenAtMs.get(agentId) ?? 0, ping?.getTime() ?? 0);
  };

  return {
    agents: (): KnownAgent[] => [...agents.values()],
    known: (agentId: string): KnownAgent | null => agents.get(agentId) ?? null,
    attachmentOf,
    socketsOf,
    currentSocket,
    lastSeenAtMs,

    connectivity(agentId: string, nowMs: number): Connectivity {
      return connectivityOf(currentSocket(agentId) !== null, lastSeenAtMs(agentId), nowMs);
    },

    incumbent(agentId: string): EdgeSession | null {
      const known = agents.get(agentId);
      if (known === undefined) return null;
      return {
        epoch: known.epoch,
        instanceId: known.instanceId,
        machineId: known.machineId,
        bootId: known.bootId,
        lastSeenAtMs: lastSeenAtMs(agentId) ?? 0,
        connected: currentSocket(agentId) !== null,
      };
    },

    saw: (agentId: string, nowMs: number): void => void framesSeenAtMs.set(agentId, nowMs),

    /** The session of an accepted hello becomes the agent's only one; older sockets are closed. */
    begin(
      agentId: string,
      socket: WebSocket,
      session: EdgeSession,
      capabilities: Capabilities,
    ): void {
      const agent: KnownAgent = {
        agentId,
        epoch: session.epoch,
        instanceId: session.instanceId,
        machineId: session.machineId,
        bootId: session.bootId,
        capabilities,
        connectedAtMs: session.lastSeenAtMs,
        lastSeenAtMs: session.lastSeenAtMs,
      };
      store.run(
        `INSERT INTO agents (agent_id, epoch, instance_id, machine_id, boot_id, capabilities, connected_at_ms, last_seen_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (agent_id) DO UPDATE SET epoch = excluded.epoch, instance_id = excluded.instance_id,
           machine_id = excluded.machine_id, boot_id = excluded.boot_id, capabilities = excluded.capabilities,
           connected_at_ms = excluded.connected_at_ms, last_seen_at_ms = excluded.last_seen_at_ms`,
        agentId,
        agent.epoch,
        agent.instanceId,
        agent.machineId,
        agent.bootId,
        JSON.stringify(capabilities),
        agent.connectedAtMs,
        agent.lastSeenAtMs,
      );
      agents.set(agentId, agent);
      socket.serializeAttachment({
        ...attachmentOf(socket),
        epoch: session.epoch,
      } satisfies Attachment);
      for (const other of socketsOf(agentId)) {
        if (other !== socket) other.close(closeCodes.superseded, "A newer session took over.");
      }
    },

    /** A disconnection is written down so that `last_seen_at` is right after the object slept. */
    ended(agentId: string, nowMs: number): void {
      const known = agents.get(agentId);
      if (known === undefined) return;
      const seen = Math.max(known.lastSeenAtMs, framesSeenAtMs.get(agentId) ?? 0, nowMs);
      store.run("UPDATE agents SET last_seen_at_ms = ? WHERE agent_id = ?", seen, agentId);
      agents.set(agentId, { ...known, lastSeenAtMs: seen });
    },

    send(socket: WebSocket, message: EdgeMessage): void {
      socket.send(encodeMessage(message));
    },
  };
}

export type Sessions = ReturnType<typeof createSessions>;

/** Throws AGENT_OUTDATED where the box has said that it does not know the operation. */
export function requireOperation(agent: KnownAgent | null, operation: OperationName): void {
  if (agent === null || agent.capabilities.operations.includes(operation)) return;
  throw new AppError("AGENT_OUTDATED", `The box's agent does not know ${operation}.`, {
    hint: "Update Trainyard on the box.",
  });
}

/** Accepts the upgrade and asks who is there. Nothing else may be sent before the answer. */
export function challenge(
  ctx: DurableObjectState,
  agent: { readonly agentId: string; readonly publicKey: string },
  origin: string,
  nowMs: number,
): WebSocket {
  const pair = new WebSocketPair();
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
  const attachment: Attachment = {
    agentId: agent.agentId,
    publicKey: agent.publicKey,
    nonce,
    origin,
    acceptedAtMs: nowMs,
    epoch: null,
  };
  ctx.acceptWebSocket(pair[1], [agent.agentId]);
  pair[1].serializeAttachment(attachment);
  pair[1].send(
    encodeMessage({ type: "challenge", nonce, origin, protocols: [...protocolVersions] }),
  );
  return pair[0];
}

/** Throws AUTH_INVALID. Which part was wrong is not said: there is nothing an honest agent could do about it. */
export async function verifyHello(
  attachment: Attachment,
  hello: { readonly agentId: string; readonly instanceId: string; readonly signature: string },
): Promise<void> {
  const refuse = (): AppError =>
    new AppError("AUTH_INVALID", "The agent's signature does not prove its identity.", {
      hint: "Check that this home's public key is the one the control plane knows.",
    });
  if (hello.agentId !== attachment.agentId) throw refuse();
  let valid = false;
  try {
    const key = await crypto.subtle.importKey(
      "raw",
      fromBase64(attachment.publicKey),
      { name: "Ed25519" },
      false,
      ["verify"],
    );
    const text = helloText({
      origin: attachment.origin,
      agentId: hello.agentId,
      instanceId: hello.instanceId,
      nonce: attachment.nonce,
    });
    valid = await crypto.subtle.verify(
      { name: "Ed25519" },
      key,
      fromBase64(hello.signature),
      new TextEncoder().encode(text),
    );
  } catch (cause) {
    throw new AppError("AUTH_INVALID", "The agent's signature could not be read.", { cause });
  }
  if (!valid) throw refuse();
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Sockets of one agent id that never said hello: swept at the next upgrade, so they cannot pile up. */
export function isOverdue(attachment: Attachment, nowMs: number): boolean {
  return attachment.epoch === null && nowMs - attachment.acceptedAtMs > limits.helloTimeoutMs;
}
