import { createHash } from "node:crypto";
import { z } from "zod";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "@trainyard/shared/canonical-json.ts";
import { agentMessageSchema, edgeMessageSchema } from "@trainyard/shared/protocol/messages.ts";
import {
  helloText,
  negotiateProtocol,
  protocolVersion,
  protocolVersions,
} from "@trainyard/shared/protocol/version.ts";

describe("the version of the link", () => {
  it("[V1] changes with the messages: this hash is pinned next to the number", () => {
    const schema = (value: z.ZodType) =>
      z.toJSONSchema(value, { io: "input", unrepresentable: "any" });
    const hash = createHash("sha256")
      .update(canonicalJson([schema(agentMessageSchema), schema(edgeMessageSchema)]))
      .digest("hex")
      .slice(0, 16);

    // A message changed. Can an old peer ignore the change? Then pin the new hash. If not, raise protocolVersion, say
    // in version.ts what changed, and keep the old number acceptable for one release.
    expect({ protocolVersion, hash }).toEqual({ protocolVersion: 1, hash: "4bee58b56f397782" });
  });

  it("[V2] picks the highest version both sides speak", () => {
    expect(negotiateProtocol([1, 99])).toBe(1);
    expect(negotiateProtocol([99])).toBeNull();
    expect(Math.max(...protocolVersions)).toBe(protocolVersion);
  });

  it("[V3] binds the signature to origin, agent, process and nonce", () => {
    const parts = { origin: "https://a.example", agentId: "agent_1", instanceId: "i", nonce: "n" };
    const texts = new Set([
      helloText(parts),
      ...(["origin", "agentId", "instanceId", "nonce"] as const).map((key) =>
        helloText({ ...parts, [key]: "other" }),
      ),
    ]);

    expect(texts.size).toBe(5);
  });
});
