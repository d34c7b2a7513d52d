import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { tools } from "@trainyard/shared/tools/registry.ts";
import { scopeAllows, toolsetPaths, toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import { describe, expect, it } from "vitest";
import { createYard, rpc } from "../support/yard.ts";

const yard = await createYard();
const scopes: readonly Scope[] = ["read", "train", "admin"];

describe("a caller", () => {
  it.each([
    ["no header", {}],
    ["an empty bearer", { authorization: "Bearer " }],
    ["an empty key", { "x-api-key": "" }],
    ["another scheme", { authorization: "Basic abc" }],
  ])("with %s is asked for a token", async (_what, headers) => {
    const response = await yard.fetch("/tools", { headers: headers as Record<string, string> });

    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="trainyard"');
    expect(await response.json()).toMatchObject({ ok: false, error: { code: "AUTH_REQUIRED" } });
  });

  it.each([["wrong"], ["r-owner"], ["x".repeat(5_000)], ["tökén"], ["日本"]])(
    "with the token %s is refused",
    async (token) => {
      const response = await yard.fetch("/tools", {
        headers: { "x-api-key": new TextDecoder("latin1").decode(new TextEncoder().encode(token)) },
      });

      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).not.toContain("resource_metadata");
    },
  );

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

  it("of one owner sees nothing of another", async () => {
    const other = await createYard();
    await yard.call("create-training-config", {
      name: "mine",
      model_name: "tiny",
      dataset_path: "x",
    });

    const foreign = await other.call("get-config", { name: "mine" });

    expect([foreign.status, foreign.error?.code]).toEqual([404, "CONFIG_NOT_FOUND"]);
    expect((await yard.call("get-config", { name: "mine" })).status).toBe(200);
  });
});

describe.each(tools.map((tool) => [tool.name, tool] as const))("%s", (name, tool) => {
  it.each(scopes)(
    "at the bridge, with a token of scope %s, is what its scope says",
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
    "at $path, with scope $scope, is callable exactly when it is listed there",
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
