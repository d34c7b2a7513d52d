import { Hono } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import { subprotocol } from "@trainyard/shared/protocol/version.ts";
import { hubOf } from "../stubs.ts";
import type { Door } from "./door.ts";

export const agentSocket = new Hono<Door>();

/** The box dials in. Who it is, it proves to its owner's Hub by signature; here only its name picks the Hub and the key. */
agentSocket.get("/agent", (c) => {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    throw new AppError("UPGRADE_REQUIRED", "This address is the agents' WebSocket.", {
      hint: "Start the agent on the GPU box with this control plane's URL.",
    });
  }
  const offered = (c.req.header("sec-websocket-protocol") ?? "")
    .split(",")
    .map((name) => name.trim());
  if (!offered.includes(subprotocol)) {
    throw new AppError("UPGRADE_REQUIRED", `This control plane speaks ${subprotocol}.`, {
      hint: "Update Trainyard on the box.",
    });
  }
  const agentId = c.req.header("x-trainyard-agent") ?? "";
  if (agentId === "") {
    throw new AppError("AUTH_REQUIRED", "The agent did not say who it is.", {
      hint: "Send its id in X-Trainyard-Agent.",
    });
  }
  const enrolled = c.get("settings").agents.find((agent) => agent.agentId === agentId);
  if (enrolled === undefined) {
    throw new AppError("AUTH_INVALID", "This agent is not enrolled here.", {
      hint: "Add its id and public key to TRAINYARD_AGENTS.",
    });
  }
  // Only these headers: whatever else the caller sent stays outside. By the address that was dialled, which the agent signs.
  return hubOf(c.env, enrolled.owner).fetch(
    new Request(c.get("origin") + c.req.path, {
      headers: {
        upgrade: "websocket",
        "sec-websocket-protocol": subprotocol,
        "x-trainyard-agent": enrolled.agentId,
        "x-trainyard-public-key": enrolled.publicKey,
      },
    }),
  );
});
