import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { tools } from "@trainyard/shared/tools/registry.ts";
import { scopeAllows, toolsetPaths, toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import { describe, expect, it } from "vitest";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard, rpc } from "../support/yard.ts";

const yard = await createYard();
const other = await createYard();
const scopes: readonly Scope[] = ["read", "train", "admin"];

describe("a caller", () => {
  it.each([
    ["no header", {}],
    ["an empty bearer", { authorization: "Bearer " }],
    ["an empty key", { "x-api-key": "" }],
    ["another scheme", { authorization: "Basic abc" }],
  ])("[B44] with %s is asked for a token", async (_what, headers) => {
    const response = await yard.fetch("/tools", { headers: headers as Record<string, string> });

    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="trainyard"');
    expect(await response.json()).toMatchObject({ ok: false, error: { code: "AUTH_REQUIRED" } });
  });

  it.each([
    ["that is garbage", "wrong"],
    ["that begins like one", "r-owner"],
    ["that was taken out of the settings", `x${yard.tokens.admin}`],
    ["of another control plane", other.tokens.admin],
    ["that is too long for one", "x".repeat(5_000)],
    ["beyond ASCII", "tökén"],
    ["beyond Latin", "日本"],
  ])("[B44] [B45] with a token %s is refused, and is not told why", async (_what, token) => {
    const response = await yard.fetch("/tools", {
      headers: { "x-api-key": new TextDecoder("latin1").decode(new TextEncoder().encode(token)) },
    });
    const { error } = (await response.json()) as { error: object };

    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="trainyard"');
    expect(error).toEqual({
      code: "AUTH_INVALID",
      message: "This token is not known here.",
      hint: "Check that it belongs to this control plane and was not replaced.",
      retryable: false,
      details: {},
    });
  });

  it("[B47] whose token reads and who starts is told the scope, also in the header", async () => {
    const response = await yard.fetch("/tools/start-training/call", {
      method: "POST",
      headers: { authorization: `Bearer ${yard.tokens.read}` },
      body: '{"arguments": {"config_name": "mine"}}',
    });

    expect(response.status).toBe(403);
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer realm="trainyard", error="insufficient_scope", scope="train"',
    );
    expect(await response.json()).toMatchObject({
      error: { code: "INSUFFICIENT_SCOPE", details: { needed: "train", granted: ["read"] } },
    });
    expect((await yard.call("list-training-jobs")).data["total"]).toBe(0);
  });

  it.each(["Bearer", "bearer", "BEARER"])("may write the scheme as %s", async (scheme) => {
    const response = await yard.fetch("/tools", {
      headers: { authorization: `${scheme} ${yard.tokens.read}` },
    });

    expect(response.status).toBe(200);
  });

  it("may send the token as X-API-Key", async () => {
    const response = await yard.fetch("/tools", { headers: { "x-api-key": yard.tokens.read } });

    expect(response.status).toBe(200);
  });

  it("[W22] may have a token beyond ASCII, sent as UTF-8", async () => {
    const token = "geheim-äöü-日本";
    const own = await createYard({
      vars: {
        TRAINYARD_TOKENS: JSON.stringify([
          {
            id: "t",
            owner: "o",
            sha256: await sha256Hex(new TextEncoder().encode(token)),
            scopes: ["read"],
          },
        ]),
      },
    });
    const latin1 = String.fromCharCode(...new TextEncoder().encode(token));
    const response = await own.fetch("/tools", { headers: { "x-api-key": latin1 } });

    expect(response.status).toBe(200);
  });

  it("[B48] of one owner sees nothing of another", async () => {
    await yard.call("create-training-config", {
      name: "mine",
      model_name: "tiny",
      dataset_path: "x",
    });

    const foreign = await other.call("get-config", { name: "mine" });

    expect([foreign.status, foreign.error?.code]).toEqual([404, "CONFIG_NOT_FOUND"]);
    expect((await yard.call("get-config", { name: "mine" })).status).toBe(200);

    await connectAgent(yard);
    const started = await yard.call("start-training", { config_name: "mine" });
    const job = { job_id: started.data["job_id"] };
    for (const tool of ["get-training-status", "stop-training", "get-training-logs"]) {
      const answer = await other.call(tool, job);
      const never = await other.call(tool, { job_id: "job_00000000000000000000000000" });

      expect([answer.status, answer.error?.code]).toEqual([404, "JOB_NOT_FOUND"]);
      // It is not even told that there is such a job.
      expect({ ...answer.error, details: null }).toEqual({ ...never.error, details: null });
    }
    expect((await yard.call("get-training-status", job)).data["status"]).toBe("queued");
  });
});

describe.each(tools.map((tool) => [tool.name, tool] as const))("%s", (name, tool) => {
  it.each(scopes)(
    "[B47] at the bridge, with a token of scope %s, is what its scope says",
    async (scope) => {
      // An unknown parameter: what passes the scope is refused for that, before anything runs.
      const answer = await yard.call(name, { no_such_parameter: 1 }, scope);

      expect(answer.error?.code).toBe(
        scopeAllows(scope, tool.scope) ? "UNKNOWN_KEY" : "INSUFFICIENT_SCOPE",
      );
      expect(answer.status).toBe(scopeAllows(scope, tool.scope) ? 400 : 403);
    },
  );

  it.each(toolsetPaths.flatMap((at) => scopes.map((scope) => ({ ...at, scope }))))(
    "[B47] at $path, with scope $scope, is callable exactly when it is listed there",
    async ({ path, toolset, scope }) => {
      const headers = { authorization: `Bearer ${yard.tokens[scope]}` };
      const list = await rpc(yard, path, "tools/list", {}, headers);
      const names = (list["result"]["tools"] as { name: string }[]).map((entry) => entry.name);
      const call = await rpc(
        yard,
        path,
        "tools/call",
        { name, arguments: { no_such_parameter: 1 } },
        headers,
      );
      const text = String(call["result"]["content"][0].text);
      const allowed = toolsOf(toolset, scope).includes(tool);

      expect(names.includes(name)).toBe(allowed);
      expect(call["result"]["isError"]).toBe(true);
      expect(text.split(":")[0]).toBe(
        allowed
          ? "UNKNOWN_KEY"
          : toolsOf(toolset).includes(tool)
            ? "INSUFFICIENT_SCOPE"
            : "TOOL_NOT_FOUND",
      );
    },
  );
});
