import { tools } from "@trainyard/shared/tools/registry.ts";
import { describe, expect, it } from "vitest";
import { createYard } from "../support/yard.ts";

const yard = await createYard();

async function post(body: BodyInit, headers: Record<string, string> = {}) {
  const response = await yard.fetch("/mcp/tool", {
    method: "POST",
    headers: {
      authorization: `Bearer ${yard.tokens.admin}`,
      "content-type": "application/json",
      ...headers,
    },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

describe("POST /mcp/tool", () => {
  it("answers the dialect of `name` with a content list", async () => {
    const { status, body } = await post('{"name": "list-configs"}', { "x-request-id": "abc" });

    expect(status).toBe(200);
    expect(body).toEqual({
      ok: true,
      request_id: "abc",
      tool: "list-configs",
      data: { configs: [], count: 0 },
      result: [
        { type: "text", text: '{"configs":[],"count":0}' },
        { type: "text", text: expect.stringContaining("no config") as string },
      ],
    });
  });

  it("answers the dialect of `tool` with a JSON string of the same data", async () => {
    const { body } = await post('{"tool": "list_configs", "arguments": {}}');

    expect(typeof body["result"]).toBe("string");
    expect(JSON.parse(body["result"] as string)).toEqual(body["data"]);
    expect(body["tool"]).toBe("list-configs");
  });

  it("takes null for the arguments and for single ones", async () => {
    expect((await post('{"name": "list-configs", "arguments": null}')).status).toBe(200);
    expect((await post('{"name": "list-configs", "arguments": {"detail": null}}')).status).toBe(
      200,
    );
  });

  it.each([
    ["", 400, "INVALID_JSON"],
    ["{", 400, "INVALID_JSON"],
    ["nan", 400, "INVALID_JSON"],
    [new Uint8Array([0x7b, 0xff, 0x7d]), 400, "INVALID_JSON"],
    ["[]", 400, "INVALID_REQUEST"],
    ["null", 400, "INVALID_REQUEST"],
    ['"list-configs"', 400, "INVALID_REQUEST"],
    ["{}", 400, "INVALID_REQUEST"],
    ['{"name": 1}', 400, "INVALID_REQUEST"],
    ['{"name": ""}', 400, "INVALID_REQUEST"],
    ['{"name": "list-configs", "tool": "list-agents"}', 400, "INVALID_REQUEST"],
    ['{"name": "list-configs", "arguments": []}', 400, "INVALID_REQUEST"],
    ['{"name": "list-configs", "arguments": "x"}', 400, "INVALID_REQUEST"],
    ['{"name": "list-configs", "parameters": [1]}', 400, "INVALID_REQUEST"],
    ['{"name": "list-configs", "arguments": {}, "parameters": {}}', 400, "INVALID_REQUEST"],
    ['{"tool": "list-configs", "name": null}', 400, "INVALID_REQUEST"],
    ['{"name": "list-config"}', 404, "TOOL_NOT_FOUND"],
    ['{"name": "constructor"}', 404, "TOOL_NOT_FOUND"],
    ['{"name": "list-configs", "arguments": {"detail": "loud"}}', 400, "INVALID_ARGUMENT"],
    ['{"name": "list-configs", "arguments": {"__proto__": {"x": 1}}}', 400, "UNKNOWN_KEY"],
    [
      `{"name": "list-configs", "arguments": {"a": ${"[".repeat(5_000)}${"]".repeat(5_000)}}}`,
      400,
      "JSON_TOO_DEEP",
    ],
    ['{"name": "get-training-status", "arguments": {"job_id": "job_x"}}', 404, "JOB_NOT_FOUND"],
  ])("[B20] [B52] refuses %j with %i %s", async (text, status, code) => {
    const answer = await post(text);

    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({
      ok: false,
      request_id: expect.any(String) as string,
      error: { code },
    });
    expect(answer.body["error"].message.length).toBeGreaterThan(10);
    expect(answer.body).not.toHaveProperty("data");
  });

  it("names the tools there are, and the nearest, for one there is not", async () => {
    const { body } = await post('{"name": "list-config"}');

    expect(body["error"].details.available_tools).toEqual(tools.map((tool) => tool.name));
    expect(body["error"].hint).toContain("list-configs");
  });

  it("[B52] refuses a body that says it is too large, and one that is without saying so", async () => {
    const small = await createYard({ vars: { MCP_HTTP_MAX_BODY_BYTES: "1000" } });
    const headers = { authorization: `Bearer ${small.tokens.admin}` };
    const text = JSON.stringify({ name: "list-configs", arguments: { pad: "x".repeat(2_000) } });
    const said = await small.fetch("/mcp/tool", { method: "POST", headers, body: text });
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(400).fill(0x20));
      },
    });
    const unsaid = await small.fetch("/mcp/tool", { method: "POST", headers, body: endless });

    expect(said.status).toBe(413);
    expect(unsaid.status).toBe(413);
    expect(pulled).toBeLessThan(20);
    expect(await unsaid.json()).toMatchObject({
      error: { code: "PAYLOAD_TOO_LARGE", details: { max_body_bytes: 1_000 } },
    });
  });
});

describe.each(["/tools", "/mcp/tools"])("GET %s", (path) => {
  it("lists what the token may call, in both words for the schema", async () => {
    const list = async (token: string) => {
      const response = await yard.fetch(path, { headers: { authorization: `Bearer ${token}` } });
      return (await response.json()) as {
        ok: boolean;
        count: number;
        tools: Record<string, any>[];
      };
    };
    const all = await list(yard.tokens.admin);
    const read = await list(yard.tokens.read);

    expect(all.ok).toBe(true);
    expect(all.count).toBe(tools.length);
    expect(all.tools.map((tool) => tool["name"])).toEqual(tools.map((tool) => tool.name));
    for (const tool of all.tools) {
      expect(tool["parameters"]).toEqual(tool["inputSchema"]);
      expect(tool["inputSchema"]).toMatchObject({ type: "object", additionalProperties: false });
      expect(Object.keys(tool["annotations"] as object)).toHaveLength(4);
    }
    expect(read.tools.map((tool) => tool["name"])).toEqual(
      tools.filter((tool) => tool.scope === "read").map((tool) => tool.name),
    );
  });
});
