import { once } from "node:events";
import { WebSocket } from "ws";
import { decodeEdgeMessage, encodeMessage } from "@trainyard/shared/protocol/codec.ts";
import type { AgentMessage, EdgeMessage } from "@trainyard/shared/protocol/messages.ts";
import type { Head } from "@trainyard/shared/protocol/items.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import { helloText, subprotocol } from "@trainyard/shared/protocol/version.ts";
import type { Identity } from "../../gpu-agent/home.ts";

/** An agent that does exactly what the test says, over the real link. */
export interface ScriptedAgent {
  readonly epoch: number;
  send(message: AgentMessage): void;
  sendText(text: string): void;
  /** Called for every message after the welcome. */
  onMessage(listener: (message: EdgeMessage) => void): void;
  close(): void;
}

export const runningHead: Head = {
  state: "running",
  phase: "training",
  currentStep: 0,
  totalSteps: 1_000_000,
  stepsPerSecond: 2,
  remainingSeconds: null,
  loss: 0.5,
  lr: 1e-4,
  observedAtMs: 0,
};

export async function connectScriptedAgent(
  url: string,
  identity: Identity,
  jobs: { jobId: string; attempt: number; lastSeq: number; head: Head }[] = [],
): Promise<ScriptedAgent> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/agent`, subprotocol, {
    headers: { "x-trainyard-agent": identity.agentId },
    perMessageDeflate: false,
  });
  const listeners: ((message: EdgeMessage) => void)[] = [];
  let epoch = 0;
  const welcomed = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("message", (data: Buffer) => {
      const text = data.toString("utf8");
      if (text === "pong") return;
      const message = decodeEdgeMessage(text);
      if (message.type === "challenge") {
        const instanceId = "scripted";
        const signature = identity.sign(
          helloText({
            origin: message.origin,
            agentId: identity.agentId,
            instanceId,
            nonce: message.nonce,
          }),
        );
        socket.send(
          encodeMessage({
            type: "hello",
            protocols: [1],
            agentId: identity.agentId,
            signature,
            instanceId,
            machineId: identity.machineId,
            bootId: "boot",
            capabilities: {
              name: "scripted",
              software: "0",
              platform: "test",
              trainers: [{ name: "tiny", found: true, version: null, reason: null }],
              slots: ["cpu"],
              operations: Object.keys(operations),
              tools: [],
              gpus: [],
            },
            jobs,
          }),
        );
      } else if (message.type === "welcome") {
        epoch = message.epoch;
        resolve();
      } else if (message.type === "reject") {
        reject(new Error(message.error.code));
      }
      for (const listener of listeners) listener(message);
    });
  });
  await once(socket, "open");
  const agent: ScriptedAgent = {
    get epoch() {
      return epoch;
    },
    send: (message) => socket.send(encodeMessage(message)),
    sendText: (text) => socket.send(text),
    onMessage: (listener) => void listeners.push(listener),
    close: () => socket.close(),
  };
  agent.onMessage((message) => {
    if (message.type !== "call") return;
    const answers: Record<string, unknown> = {
      "start-attempt": { accepted: true },
      preflight: {
        trainer: { found: true, reason: null },
        datasets: [
          {
            reference: "datasets/bench",
            name: "bench",
            exists: true,
            isDirectory: true,
            images: 4,
            captioned: 4,
            emptyCaptions: 0,
            totalBytes: 4,
            fingerprint: null,
            scanLimited: false,
          },
        ],
        freeBytes: null,
      },
    };
    agent.send({
      type: "result",
      callId: message.callId,
      outcome: { ok: true, value: answers[message.operation] ?? {} },
    });
  });
  await welcomed;
  return agent;
}
