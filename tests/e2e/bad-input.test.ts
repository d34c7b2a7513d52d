import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadIdentity, openHome } from "../../gpu-agent/home.ts";
import { connectScriptedAgent } from "../support/scripted-agent.ts";
import { pictures, startTrainyard } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

let trainyard: Trainyard;
let mcp: Client;
beforeAll(async () => {
  trainyard = await startTrainyard();
  await trainyard.upload("shapes", await pictures(30));
  await trainyard.call("create-training-config", {
    name: "flux",
    model_name: "black-forest-labs/FLUX.1-dev",
    dataset_path: "shapes",
    steps: 500,
  });
  await trainyard.call("create-training-config", {
    name: "no-data",
    model_name: "tiny",
    dataset_path: "nowhere",
  });
  mcp = new Client({ name: "bad", version: "1" });
  await mcp.connect(
    new StreamableHTTPClientTransport(new URL(trainyard.ready.mcp_url), {
      requestInit: { headers: { authorization: `Bearer ${trainyard.ready.token}` } },
    }),
  );
});
afterAll(async () => {
  await mcp.close();
  await trainyard.close();
});

const config = { name: "x", model_name: "tiny", dataset_path: "shapes" };

describe("bad input at both doors", () => {
  it.each<[string, string, Record<string, unknown>, number, string]>([
    ["an unknown tool", "launch-missiles", {}, 404, "TOOL_NOT_FOUND"],
    ["[B20] a prototype's name as tool", "constructor", {}, 404, "TOOL_NOT_FOUND"],
    ["a missing argument", "start-training", {}, 400, "INVALID_ARGUMENT"],
    [
      "[B21] a mistyped argument",
      "create-training-config",
      { ...config, steps: "1000" },
      400,
      "INVALID_ARGUMENT",
    ],
    [
      "[B21] a bound that is broken",
      "get-training-logs",
      { job_id: "job_00000000000000000000000000", lines: 10_000_000 },
      400,
      "INVALID_ARGUMENT",
    ],
    [
      "[B22] an unknown argument",
      "start-training",
      { config_name: "flux", confg: 1 },
      400,
      "UNKNOWN_KEY",
    ],
    [
      "[B1] a name with ..",
      "create-training-config",
      { ...config, name: "../../etc/passwd" },
      400,
      "INVALID_NAME",
    ],
    [
      "[B2] a name with a slash",
      "create-training-config",
      { ...config, name: "a/b" },
      400,
      "INVALID_NAME",
    ],
    [
      "[B1] a dataset with ..",
      "create-upload-link",
      { dataset_name: "../outside" },
      400,
      "INVALID_NAME",
    ],
    [
      "[B1] an absolute dataset",
      "create-upload-link",
      { dataset_name: "/etc" },
      400,
      "INVALID_NAME",
    ],
    [
      "[B5] a name of 300 characters",
      "create-training-config",
      { ...config, name: "n".repeat(300) },
      400,
      "NAME_TOO_LONG",
    ],
    [
      "[B3] a device name of Windows",
      "create-training-config",
      { ...config, name: "CON" },
      400,
      "RESERVED_NAME",
    ],
    [
      "[B16] a secret's placeholder",
      "create-training-config",
      { ...config, trigger_word: "${HF_TOKEN}" },
      422,
      "PLACEHOLDER_REFUSED",
    ],
    [
      "a config that is not there",
      "start-training",
      { config_name: "never" },
      404,
      "CONFIG_NOT_FOUND",
    ],
    [
      "a dataset that does not exist",
      "start-training",
      { config_name: "no-data" },
      404,
      "DATASET_NOT_FOUND",
    ],
    [
      "a trainer that is not there",
      "start-training",
      { config_name: "flux" },
      422,
      "TRAINER_NOT_FOUND",
    ],
    [
      "an unknown job",
      "stop-training",
      { job_id: "job_00000000000000000000000000" },
      404,
      "JOB_NOT_FOUND",
    ],
    [
      "a model outside the outputs",
      "download-model",
      { model_path: "../agent/identity.json" },
      403,
      "PATH_ESCAPE",
    ],
    [
      "[B14] an absolute model path",
      "create-download-link",
      { model_path: "/etc/passwd" },
      400,
      "INVALID_MODEL_REF",
    ],
  ])("%s: %s", async (_what, tool, args, status, code) => {
    const before = await trainyard.call("list-training-jobs");
    const http = await trainyard.call(tool, args);
    const called = await mcp.callTool({ name: tool, arguments: args }).then(
      (result) => ({ isError: result.isError, text: JSON.stringify(result.content) }),
      (error: Error) => ({ isError: true, text: error.message }),
    );

    expect([http.status, http.error?.code]).toEqual([status, code]);
    expect(http.error?.message).toMatch(/^.{10,300}\.$/);
    expect(http.error?.hint ?? "").not.toBe("");
    expect(JSON.stringify(http.body)).not.toMatch(/at .*\.ts:\d+|node_modules/);
    expect(called.isError).toBe(true);
    expect(called.text).toContain(code);
    const after = await trainyard.call("list-training-jobs");
    expect(after.data["total"]).toBe(before.data["total"]);
  });

  it("writes none of it", async () => {
    const configs = await trainyard.call("list-configs");
    const datasets = await trainyard.call("list-datasets");

    expect(configs.data["configs"]).toEqual(["flux", "no-data"]);
    expect((datasets.data["datasets"] as { name: string }[]).map((row) => row.name)).toEqual([
      "shapes",
    ]);
    expect(existsSync(join(trainyard.home, "..", "outside"))).toBe(false);
    expect(readdirSync(join(trainyard.home, "outputs"))).toEqual([]);
  });
});

describe("bad requests", () => {
  const post = (headers: Record<string, string>, body: string | ReadableStream) =>
    fetch(`${trainyard.ready.url}/mcp/tool`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
      ...(typeof body === "string" ? {} : { duplex: "half" as const }),
    });
  const good = () => ({ authorization: `Bearer ${trainyard.ready.token}` });
  const call = JSON.stringify({ name: "list-agents", arguments: {} });

  it.each<[string, () => Promise<Response>, number, string]>([
    ["[B44] no token", () => post({}, call), 401, "AUTH_REQUIRED"],
    [
      "[B44] a wrong token",
      () => post({ authorization: "Bearer nonsense" }, call),
      401,
      "AUTH_INVALID",
    ],
    [
      "[B46] a token in the query",
      () => fetch(`${trainyard.ready.url}/tools?token=${trainyard.ready.token}`),
      400,
      "TOKEN_IN_QUERY",
    ],
    [
      "[B49] a foreign origin",
      () => post({ ...good(), origin: "https://evil.example" }, call),
      403,
      "ORIGIN_REFUSED",
    ],
    ["broken JSON", () => post(good(), "{"), 400, "INVALID_JSON"],
    ["a list instead of an object", () => post(good(), "[]"), 400, "INVALID_REQUEST"],
    [
      "[B52] a body over the limit",
      () => post(good(), JSON.stringify({ name: "x", arguments: { a: "x".repeat(9_000_000) } })),
      413,
      "PAYLOAD_TOO_LARGE",
    ],
    [
      "an unknown address",
      () => fetch(`${trainyard.ready.url}/nothing`, { headers: good() }),
      404,
      "NOT_FOUND",
    ],
  ])("%s", async (_what, request, status, code) => {
    const response = await request();
    const body = (await response.json()) as {
      ok: boolean;
      error: { code: string; hint: string | null };
    };

    expect([response.status, body.ok, body.error.code]).toEqual([status, false, code]);
  });

  it("[B33] an upload part with the wrong hash is refused, leaves nothing, and the right one is taken", async () => {
    const link = await trainyard.call("create-upload-link", { dataset_name: "parts" });
    const bytes = (await pictures(77, 1))["picture-0.png"] as Buffer;
    const half = Math.floor(bytes.length / 2);
    const url = `${link.data["upload_url"]}/whole.png`;
    const put = async (from: number, to: number, sha256?: string) => {
      const response = await fetch(
        `${url}?part=${from === 0 ? 0 : 1}&offset=${from}&total=${bytes.length}`,
        {
          method: "PUT",
          body: new Uint8Array(bytes.subarray(from, to)),
          headers: sha256 === undefined ? {} : { "x-part-sha256": sha256 },
        },
      );
      return { status: response.status, body: (await response.json()) as Record<string, any> };
    };

    const wrong = await put(0, half, "0".repeat(64));
    expect([wrong.status, wrong.body["error"]?.code]).toEqual([422, "CHECKSUM_MISMATCH"]);
    expect(wrong.body["error"]?.retryable).toBe(true);
    expect(existsSync(join(trainyard.home, "datasets", "parts", "whole.png"))).toBe(false);
    expect((await put(0, half)).status).toBe(200);
    expect(existsSync(join(trainyard.home, "datasets", "parts", "whole.png"))).toBe(false);
    const last = await put(half, bytes.length);
    expect(last.body).toMatchObject({ ok: true, complete: true, bytes: bytes.length });
    expect(existsSync(join(trainyard.home, "datasets", "parts", "whole.png"))).toBe(true);
  });

  it("[B61] a link that was changed or has run out opens nothing", async () => {
    const link = await trainyard.call("create-upload-link", { dataset_name: "links" });
    const token = String(link.data["upload_url"]).split("/").at(-1) as string;
    const [payload, signature] = token.split(".") as [string, string];
    const forged = Buffer.from(
      Buffer.from(payload, "base64url").toString().replace("links", "other"),
    ).toString("base64url");
    const response = await fetch(`${trainyard.ready.url}/files/u/${forged}.${signature}/a.png`, {
      method: "PUT",
      body: "x",
    });

    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: "LINK_INVALID" } });
    expect(existsSync(join(trainyard.home, "datasets", "other"))).toBe(false);
  });
});

describe("agents that should not be there", () => {
  it("a second machine with the same identity is turned away, and the first goes on", async () => {
    const identity = loadIdentity(openHome(trainyard.home));
    if (identity === null) throw new Error("no identity");
    await expect(
      connectScriptedAgent(trainyard.ready.url, { ...identity, machineId: "another machine" }),
    ).rejects.toThrow("IDENTITY_IN_USE");

    const agents = await trainyard.call("list-agents");
    expect(agents.data["agents"]).toMatchObject([{ connectivity: "live" }]);
  });
});
