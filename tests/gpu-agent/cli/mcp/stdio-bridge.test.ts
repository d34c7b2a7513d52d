import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { AppError } from "@trainyard/shared/errors.ts";
import { afterEach, describe, expect, it } from "vitest";
import { runStdioBridge } from "../../../../gpu-agent/cli/mcp/stdio-bridge.ts";
import { until } from "../../../support/trainyard.ts";

type Handler = (message: any, request: IncomingMessage, response: ServerResponse) => void;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An HTTP server that answers MCP messages as the test says, and remembers what came. */
async function scripted(handler: Handler) {
  const requests: { message: any; headers: IncomingMessage["headers"] }[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(405).end();
        return;
      }
      const message: unknown = JSON.parse(text);
      requests.push({ message, headers: request.headers });
      handler(message, request, response);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    requests,
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
  };
}

function startBridge(url: string | (() => string), reconnectMs = 0) {
  const input = new PassThrough();
  const out: any[] = [];
  const logs: string[] = [];
  const ended = runStdioBridge({
    input,
    write: async (text) => void out.push(JSON.parse(text)),
    log: (text) => void logs.push(text),
    target: {
      address: () => ({ base: "", mcpUrl: typeof url === "string" ? url : url() }),
      token: () => "Bearer secret",
    },
    reconnectMs,
  });
  return {
    out,
    logs,
    send: (...messages: unknown[]) => {
      for (const message of messages) input.write(`${JSON.stringify(message)}\n`);
    },
    end: async () => {
      input.end();
      await ended;
    },
    answer: (id: unknown) =>
      until(`the answer to ${String(id)}`, async () => out.find((one) => one.id === id), 10_000),
  };
}

const json = (response: ServerResponse, value: unknown, status = 200): void =>
  void response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify(value));
const ping = (id: unknown) => ({ jsonrpc: "2.0", id, method: "ping" });
const modern = (id: unknown, method: string, params = {}) => ({
  jsonrpc: "2.0",
  id,
  method,
  params: {
    ...params,
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  },
});

describe("the stdio bridge", () => {
  it("writes the headers of each era", async () => {
    const { requests, url } = await scripted((message, _request, response) =>
      json(response, {
        jsonrpc: "2.0",
        id: message.id,
        result: message.method === "initialize" ? { protocolVersion: "2025-06-18" } : {},
      }),
    );
    const bridge = startBridge(url);
    bridge.send({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "c", version: "1" },
      },
    });
    await bridge.answer(1);
    bridge.send(ping(2), modern(3, "tools/call", { name: "list-agents" }));
    await bridge.end();

    const headersOf = (id: number) => requests.find(({ message }) => message.id === id)?.headers;
    expect(headersOf(1)).toMatchObject({ authorization: "Bearer secret" });
    expect(headersOf(2)).toMatchObject({ "mcp-protocol-version": "2025-06-18" });
    expect(headersOf(2)).not.toHaveProperty("mcp-method");
    expect(headersOf(3)).toMatchObject({
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "list-agents",
    });
  });

  it("hands on progress in order, and keeps ids that only look alike apart", async () => {
    const { url } = await scripted((message, _request, response) => {
      if (message.id === "1") {
        json(response, { jsonrpc: "2.0", id: "1", result: { text: true } });
        return;
      }
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const progress of [1, 2]) {
        const params = { progressToken: "t", progress };
        response.write(
          `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params })}\n\n`,
        );
      }
      response.end(
        `data: ${JSON.stringify({ jsonrpc: "2.0", id: 1, result: { number: true } })}\n\n`,
      );
    });
    const bridge = startBridge(url);
    bridge.send(ping(1), ping("1"));
    await bridge.end();

    expect(bridge.out.filter(({ id }) => id === "1")).toEqual([
      { jsonrpc: "2.0", id: "1", result: { text: true } },
    ]);
    expect(
      bridge.out
        .filter(({ id }) => id !== "1")
        .map(({ params, result }) => params?.progress ?? result),
    ).toEqual([1, 2, { number: true }]);
  });

  it.each(["before", "after"])(
    "ends a cancelled call %s its answer began, and says nothing to it",
    async (when) => {
      let open = 0;
      const { requests, url } = await scripted((message, _request, response) => {
        if (message.id === 2) {
          json(response, { jsonrpc: "2.0", id: 2, result: {} });
          return;
        }
        open += 1;
        response.on("close", () => {
          open -= 1;
        });
        if (when === "after") {
          response.writeHead(200, { "content-type": "text/event-stream" }).write(": waiting\n\n");
        }
      });
      const bridge = startBridge(url);
      bridge.send(ping(1));
      await until("the call", async () => open === 1);

      bridge.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
      await until("its end", async () => open === 0);
      bridge.send(ping(2));
      await bridge.end();

      expect(bridge.out.map(({ id }) => id)).toEqual([2]);
      expect(bridge.logs).toEqual([]);
      expect(requests.map(({ message }) => message.method)).toEqual(["ping", "ping"]);
    },
  );

  it.each<[string, (response: ServerResponse) => void]>([
    ["ends without the answer", (response) => void response.end(": waiting\n\n")],
    ["is cut before the answer", (response) => void response.destroy()],
  ])("says so when the stream %s", async (_what, finish) => {
    const { url } = await scripted((_message, _request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      finish(response);
    });
    const bridge = startBridge(url);
    bridge.send(ping(1));
    await bridge.end();

    expect(bridge.out).toEqual([
      expect.objectContaining({
        id: 1,
        error: expect.objectContaining({
          code: -32_000,
          message: expect.stringContaining("connection was cut"),
          data: {
            code: "CONTROL_PLANE_UNREACHABLE",
            hint: expect.stringContaining("may have taken effect"),
          },
        }),
      }),
    ]);
  });

  it.each<[string, Handler, object]>([
    [
      "a refusal of Trainyard",
      (_message, _request, response) =>
        json(
          response,
          { ok: false, error: { code: "HOST_REFUSED", message: "No.", hint: "Do." } },
          403,
        ),
      {
        code: -32_000,
        message: "HOST_REFUSED: No. Do.",
        data: { code: "HOST_REFUSED", hint: "Do." },
      },
    ],
    [
      "the server's own JSON-RPC error with an HTTP error",
      (_message, _request, response) =>
        json(
          response,
          { jsonrpc: "2.0", id: null, error: { code: -32_020, message: "Mismatch" } },
          400,
        ),
      { code: -32_020, message: "Mismatch" },
    ],
    [
      "a web page",
      (_message, _request, response) =>
        void response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
      { code: -32_000, message: expect.stringContaining("not Trainyard (HTTP 200)") },
    ],
    [
      "a proxy in front of nothing",
      (_message, _request, response) => void response.writeHead(502).end("bad gateway"),
      { code: -32_000, message: expect.stringContaining("not Trainyard (HTTP 502)") },
    ],
  ])("makes an error of %s", async (_what, handler, error) => {
    const { url } = await scripted(handler);
    const bridge = startBridge(url);
    bridge.send(ping(1));
    await bridge.end();

    expect(bridge.out).toEqual([
      expect.objectContaining({ id: 1, error: expect.objectContaining(error) }),
    ]);
  });

  it("does not carry the token to where a redirect points", async () => {
    const elsewhere = await scripted((message, _request, response) =>
      json(response, { jsonrpc: "2.0", id: message.id, result: {} }),
    );
    const { url } = await scripted(
      (_message, _request, response) =>
        void response.writeHead(307, { location: elsewhere.url }).end(),
    );
    const bridge = startBridge(url);
    bridge.send(ping(1));
    await bridge.end();

    expect(elsewhere.requests).toEqual([]);
    expect(bridge.out[0].error.message).toContain("sends elsewhere (HTTP 307)");
  });

  it("waits for a Trainyard that starts, and asks it once", async () => {
    const { requests, url } = await scripted((message, _request, response) =>
      json(response, { jsonrpc: "2.0", id: message.id, result: {} }),
    );
    let looks = 0;
    const bridge = startBridge(() => {
      looks += 1;
      if (looks > 3) return url;
      throw new AppError("CONTROL_PLANE_UNREACHABLE", "None runs.", { details: { home: "h" } });
    }, 30_000);
    bridge.send(ping(1));
    await bridge.end();

    expect(bridge.out).toEqual([{ jsonrpc: "2.0", id: 1, result: {} }]);
    expect(requests).toHaveLength(1);
    expect(bridge.logs).toEqual([
      "No Trainyard answers; waiting for it.",
      "Trainyard answers again.",
    ]);
  });

  it("answers what is no message, and goes on", async () => {
    const { url } = await scripted((message, _request, response) =>
      json(response, { jsonrpc: "2.0", id: message.id, result: {} }),
    );
    const bridge = startBridge(url);
    bridge.send({ id: 1 }, [ping(2), 5]);
    await bridge.end();

    expect(bridge.out.map(({ id, error }) => [id, error?.code])).toEqual(
      expect.arrayContaining([
        [null, -32_600],
        [null, -32_600],
        [2, undefined],
      ]),
    );
  });
});
