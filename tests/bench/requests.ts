import { startTrainyard } from "../support/trainyard.ts";
import { printFigure } from "./figures.ts";
import { cpuSeconds } from "./process-cost.ts";

const batch = 400;
const batches = 5;

/** CPU that workerd spends on one request: the free plan allows 10 ms. Whole process, so garbage collection is in it. */
export async function benchRequests(): Promise<void> {
  const trainyard = await startTrainyard();
  const { control_plane: workerd } = trainyard.pids();
  const headers = (extra: Record<string, string>) => ({
    authorization: `Bearer ${trainyard.ready.token}`,
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    ...extra,
  });
  const modernMeta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const kinds: readonly [string, string, Record<string, string>, unknown][] = [
    [
      "tools/list, 2026-07-28",
      "/mcp",
      { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list" },
      { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: modernMeta } },
    ],
    [
      "tools/call list-agents, 2026-07-28",
      "/mcp",
      {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "list-agents",
      },
      {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "list-agents", arguments: {}, _meta: modernMeta },
      },
    ],
    [
      "tools/list, 2025-11-25",
      "/mcp",
      { "mcp-protocol-version": "2025-11-25" },
      { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} },
    ],
    [
      "tools/call list-agents, 2025-11-25",
      "/mcp",
      { "mcp-protocol-version": "2025-11-25" },
      {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "list-agents", arguments: {} },
      },
    ],
    ["POST /mcp/tool list-agents", "/mcp/tool", {}, { name: "list-agents", arguments: {} }],
    ["GET /health", "/health", {}, null],
  ];
  for (const [name, path, extra, body] of kinds) {
    const values: number[] = [];
    for (let run = 0; run < batches; run += 1) {
      const before = cpuSeconds(workerd);
      for (let i = 0; i < batch; i += 1) {
        const response = await fetch(trainyard.ready.url + path, {
          method: body === null ? "GET" : "POST",
          headers: headers(extra),
          ...(body === null ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        if (response.status !== 200 || text.includes('"isError":true'))
          throw new Error(`${name}: ${response.status} ${text.slice(0, 300)}`);
      }
      values.push(((cpuSeconds(workerd) - before) / batch) * 1_000);
    }
    printFigure({
      name,
      unit: "ms CPU",
      values,
      goal: { kind: "at most", value: 10 },
      note: `batches of ${batch}`,
    });
  }
  await trainyard.close();
}
