import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complaints, inside } from "../support/calm-answer.ts";
import { brokenBodies, wrongCalls } from "../support/malformed-bodies.ts";
import { envelopes, wrongParams } from "../support/malformed-messages.ts";
import { rawRequests, sendRaw } from "../support/raw-requests.ts";
import type { RawRequest } from "../support/raw-requests.ts";
import { startTrainyard } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

let trainyard: Trainyard;
beforeAll(async () => {
  trainyard = await startTrainyard();
});
afterAll(() => trainyard.close());

describe("nonsense over a real socket", () => {
  const sockets = () => new URL(trainyard.ready.url);
  const answers = async () => {
    const response = await fetch(`${trainyard.ready.url}/health`, {
      signal: AbortSignal.timeout(2_000),
    });
    return response.status;
  };

  it.each(rawRequests("", "").map(({ what }, place) => [what, place] as const))(
    "%s",
    async (_what, place) => {
      const request = rawRequests(sockets().host, trainyard.ready.token)[place] as RawRequest;
      const answer = await sendRaw(sockets(), request);

      expect([answer.status, answer.text]).toEqual([request.status, answer.text]);
      expect(answer.ms).toBeLessThan(2_000);
      expect(answer.text).not.toMatch(inside);
    },
  );

  it.each([
    ["a method that is none", "FROB /health HTTP/1.1", 501, "Unrecognized request method."],
    ["a tunnel", "CONNECT evil.example:443 HTTP/1.1", 500, "Internal Server Error"],
  ])(
    "the runtime itself refuses %s before us, and says no more",
    async (_what, line, status, said) => {
      const { host } = sockets();
      const answer = await sendRaw(sockets(), { parts: [`${line}\r\nHost: ${host}\r\n\r\n`] });

      expect(answer.status).toBe(status);
      expect(answer.text.split("\r\n\r\n")[1]).toContain(said);
      expect(answer.text).not.toMatch(/\n\s+at |\.js|workerd/);
    },
  );

  it("30 bodies that never come hold nobody up, and leave nothing when they go", async () => {
    const { host, hostname, port } = sockets();
    const stalled = Array.from({ length: 30 }, () => {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      socket.write(
        `POST /mcp/tool HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${trainyard.ready.token}\r\nContent-Length: 100\r\n\r\n{`,
      );
      return socket;
    });
    await Promise.all(stalled.map((socket) => once(socket, "connect")));

    expect(await answers()).toBe(200);
    expect((await trainyard.call("list-agents")).status).toBe(200);
    for (const socket of stalled) socket.destroy();
    expect((await trainyard.call("list-agents")).status).toBe(200);
  });

  it("every message and body that no client means is answered in time, and the next one too", async () => {
    const send = async (
      path: string,
      headers: Record<string, string>,
      body: string | Uint8Array<ArrayBuffer>,
    ) => {
      const began = performance.now();
      const response = await fetch(trainyard.ready.url + path, {
        method: "POST",
        headers: {
          authorization: `Bearer ${trainyard.ready.token}`,
          accept: "application/json, text/event-stream",
          "content-type": "application/json",
          ...headers,
        },
        body,
      });
      return complaints({
        status: response.status,
        contentType: response.headers.get("content-type"),
        text: await response.text(),
        ms: performance.now() - began,
      });
    };
    const found: string[] = [];
    for (const [, body] of [...brokenBodies, ...wrongCalls]) {
      found.push(...(await send("/mcp/tool", {}, body)));
    }
    for (const [, body] of [...envelopes, ...wrongParams]) {
      found.push(...(await send("/mcp", { "mcp-protocol-version": "2026-07-28" }, body)));
      found.push(...(await send("/mcp", { "mcp-protocol-version": "2025-11-25" }, body)));
    }

    expect(found).toEqual([]);
    expect((await trainyard.call("list-agents")).data).toMatchObject({ count: 1 });
  });
});
