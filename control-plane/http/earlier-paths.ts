import { getPath } from "hono/utils/url";

/**
 * MCP's addresses in an earlier system, whose clients have them in their settings: the same door as /mcp. A plain
 * `GET /messages` was a document there, and is one here.
 */
export function pathOf(request: Request): string {
  const path = getPath(request);
  if (path === "/mcp/rpc") return "/mcp";
  return path === "/messages" && !isDocument(request) ? "/mcp" : path;
}

function isDocument({ method, headers }: Request): boolean {
  return (
    (method === "GET" || method === "HEAD") &&
    !/\btext\/event-stream\b/i.test(headers.get("accept") ?? "")
  );
}
