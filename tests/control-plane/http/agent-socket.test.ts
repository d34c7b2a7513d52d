import { subprotocol } from "@trainyard/shared/protocol/version.ts";
import { describe, expect, it } from "vitest";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard, newAgentKeys } from "../support/yard.ts";

const yard = await createYard();
/** Of an agent that the settings named once. */
const removed = await newAgentKeys();
const upgrade = {
  upgrade: "websocket",
  "sec-websocket-protocol": subprotocol,
  "x-trainyard-agent": yard.agents[0]?.agentId ?? "",
};

const firstMessage = (socket: WebSocket): Promise<any> =>
  new Promise((resolve) => {
    socket.addEventListener("message", (event) => resolve(JSON.parse(String(event.data))), {
      once: true,
    });
  });

describe("GET /agent", () => {
  it.each([
    ["no upgrade", { upgrade: "" }, 426, "UPGRADE_REQUIRED"],
    ["another subprotocol", { "sec-websocket-protocol": "trainyard.v0" }, 426, "UPGRADE_REQUIRED"],
    ["no name", { "x-trainyard-agent": "" }, 401, "AUTH_REQUIRED"],
    ["an unknown name", { "x-trainyard-agent": "agent_nobody" }, 401, "AUTH_INVALID"],
    ["a foreign page", { origin: "http://evil.test" }, 403, "ORIGIN_REFUSED"],
    ["a key that was taken back", { "x-trainyard-agent": removed.agentId }, 401, "AUTH_INVALID"],
  ])("[B55] with %s is refused", async (_what, change, status, code) => {
    const response = await yard.fetch("/agent", { headers: { ...upgrade, ...change } });

    expect(response.status).toBe(status);
    expect(((await response.json()) as any).error.code).toBe(code);
  });

  it("opens a socket for an enrolled agent, with the offered subprotocol", async () => {
    const response = await yard.fetch("/agent", {
      headers: { ...upgrade, "sec-websocket-protocol": `other, ${subprotocol}` },
    });

    expect(response.status).toBe(101);
    expect(response.headers.get("sec-websocket-protocol")).toBe(subprotocol);
    response.webSocket?.accept();
    response.webSocket?.close();
  });

  it.each([
    [{}, "http://yard.test"],
    [{ "x-forwarded-proto": "https" }, "https://yard.test"],
  ])(
    "calls itself what the agent dialled, behind a proxy that sends %j too",
    async (sent, named) => {
      const response = await yard.fetch("/agent", { headers: { ...upgrade, ...sent } });
      const socket = response.webSocket as WebSocket;
      const challenge = firstMessage(socket);
      socket.accept();

      expect((await challenge).origin).toBe(named);
      socket.close();
    },
  );

  it("[B55] takes the key from the settings and never from the caller", async () => {
    const thief = await newAgentKeys();
    const response = await yard.fetch("/agent", {
      headers: { ...upgrade, "x-trainyard-public-key": thief.publicKey },
    });
    const socket = response.webSocket as WebSocket;
    const closed = new Promise<number>((resolve) =>
      socket.addEventListener("close", (event) => resolve(event.code)),
    );
    const challenge = firstMessage(socket);
    socket.accept();
    const { nonce, origin } = await challenge;
    const text = [
      "trainyard agent hello v1",
      origin,
      upgrade["x-trainyard-agent"],
      "i",
      nonce,
    ].join("\n");
    const signature = await crypto.subtle.sign(
      { name: "Ed25519" },
      thief.privateKey,
      new TextEncoder().encode(text),
    );
    socket.send(
      JSON.stringify({
        type: "hello",
        protocols: [1],
        agentId: upgrade["x-trainyard-agent"],
        signature: btoa(String.fromCharCode(...new Uint8Array(signature))),
        instanceId: "i",
        machineId: "m",
        bootId: "b",
        capabilities: {
          name: "x",
          software: "0",
          platform: "x",
          trainers: [],
          slots: ["cpu"],
          operations: [],
          tools: [],
          gpus: [],
        },
        jobs: [],
      }),
    );

    expect(await closed).toBe(4_401);
  });

  it("connects the real one", async () => {
    const agent = await connectAgent(yard);
    const { data } = await yard.call("list-agents");

    expect(data).toMatchObject({
      count: 1,
      agents: [{ agent_id: agent.agentId, connectivity: "live" }],
    });
  });
});
