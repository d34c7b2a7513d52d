import { describe, expect, it } from "vitest";
import { createYard } from "../support/yard.ts";

const yard = await createYard();

async function post(path: string, body: BodyInit | null, token: string | null = yard.tokens.admin) {
  const response = await yard.fetch(path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

const data = { configs: [], count: 0 };
const content = [
  { type: "text", text: JSON.stringify(data) },
  { type: "text", text: expect.stringContaining("no config") as string },
];
const common = {
  ok: true,
  request_id: expect.any(String) as string,
  tool: "list-configs",
  data,
};

/** Each address with a body that calls list-configs, and the spelling its clients read. */
const doors = [
  ["/mcp/execute", '{"tool": "list_configs"}', "isError"],
  ["/tools/execute", '{"tool": "list-configs", "arguments": {}}', "isError"],
  ["/execute", '{"tool": "list_configs", "parameters": {}}', "is_error"],
  ["/tools/list_configs/call", '{"arguments": {}}', "is_error"],
] as const;

describe.each(doors)("POST %s", (path, call, flag) => {
  it("answers {success, result{content, …}, error}", async () => {
    const answer = await post(path, call);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      ...common,
      success: true,
      result: { content, [flag]: false },
      error: null,
    });
  });

  it.each([
    ["{", 400, "INVALID_JSON"],
    ["[]", 400, "INVALID_REQUEST"],
    ['{"tool": "list-configs", "arguments": 5}', 400, "INVALID_REQUEST"],
    ['{"tool": "list-configs", "arguments": {"detail": "loud"}}', 400, "INVALID_ARGUMENT"],
    ['{"tool": "list-configs", "parameters": {"loud": 1}}', 400, "UNKNOWN_KEY"],
  ])("refuses %s in its own envelope with %i", async (body, status, code) => {
    const named = path.includes("list_configs");
    const text = named ? body.replace('"tool": "list-configs", ', "") : body;
    const answer = await post(path, text);

    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({
      ok: false,
      success: false,
      request_id: expect.any(String) as string,
      result: {
        content: [{ type: "text", text: expect.stringMatching(`^${code}: `) as string }],
        [flag]: true,
      },
      error: {
        code,
        message: expect.any(String) as string,
        hint: expect.toSatisfy(
          (hint: unknown) => hint === null || typeof hint === "string",
        ) as unknown,
        retryable: false,
        details: expect.any(Object) as object,
      },
    });
  });

  it("knows no other tool: 404 with the nearest", async () => {
    const answer = path.includes("list_configs")
      ? await post("/tools/list-config/call", "{}")
      : await post(path, '{"tool": "list-config"}');

    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({
      success: false,
      result: { [flag]: true },
      error: { code: "TOOL_NOT_FOUND", details: { nearest: "list-configs" } },
    });
  });

  it("refuses a body without a token, a wrong token and one of too small a scope", async () => {
    expect((await post(path, call, null)).body).toMatchObject({
      success: false,
      error: { code: "AUTH_REQUIRED" },
    });
    expect((await post(path, call, "wrong")).status).toBe(401);
    const start = path.includes("list_configs")
      ? await post("/tools/start-training/call", "{}", yard.tokens.read)
      : await post(path, '{"tool": "start_training"}', yard.tokens.read);
    expect(start.status).toBe(403);
    expect(start.body).toMatchObject({ success: false, error: { code: "INSUFFICIENT_SCOPE" } });
  });

  it("is for POST alone", async () => {
    const response = await yard.fetch(path);

    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
    expect(await response.json()).toMatchObject({ success: false, result: { [flag]: true } });
  });
});

describe("POST /tools/:name/call", () => {
  it.each([[null], [""], ["{}"], ['{"arguments": null}'], ['{"tool": "list-configs"}']])(
    "takes %j as a call without arguments",
    async (body) => {
      expect((await post("/tools/list-configs/call", body)).body).toMatchObject(common);
    },
  );

  it("refuses a body that names another tool", async () => {
    const { status, body } = await post("/tools/list-configs/call", '{"tool": "list-agents"}');

    expect(status).toBe(400);
    expect(body["error"].code).toBe("INVALID_REQUEST");
  });

  it.each(["/tools/%E0%A4%A/call", "/tools/..%2f..%2fetc/call", "/tools/constructor/call"])(
    "knows no tool at %s",
    async (path) => {
      expect((await post(path, "{}")).status).toBe(404);
    },
  );
});

describe("POST /mcp/tool", () => {
  it("takes `parameters` for `arguments`", async () => {
    const { status, body } = await post(
      "/mcp/tool",
      '{"name": "list-configs", "parameters": {"detail": "loud"}}',
    );

    expect(status).toBe(400);
    expect(body["error"].details.field).toBe("detail");
  });

  it("keeps its own envelope for a refusal", async () => {
    const { body } = await post("/mcp/tool", '{"name": "nothing"}');

    expect(Object.keys(body).sort()).toEqual(["error", "ok", "request_id"]);
  });
});

describe("the older reads", () => {
  it("GET /configs is the answer of list-configs, not wrapped", async () => {
    await yard.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const response = await yard.fetch("/configs", { headers: { "x-api-key": yard.tokens.read } });

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ ok: true, count: 1, configs: ["cats"] });
  });

  it("GET /datasets says that the box is away, where nothing is known of it", async () => {
    const response = await yard.fetch("/datasets", { headers: { "x-api-key": yard.tokens.read } });

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ ok: false, error: { code: "AGENT_OFFLINE" } });
  });

  it.each(["/datasets", "/configs"])("GET %s needs a token", async (path) => {
    expect((await yard.fetch(path)).status).toBe(401);
  });
});
