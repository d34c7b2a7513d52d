import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import { modernRpc } from "../support/mcp-client.ts";
import { createYard, origin, rpc } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

/** A box whose owner wants to be asked above two hours, and a config that takes some ten on an RTX 4090. */
async function longConfig() {
  const yard = await createYard();
  const agent = await connectAgent(yard, {
    preflight: ({ document }) => ({
      trainer: { found: true, reason: null },
      datasets: [],
      freeBytes: 1e12,
      confirmHours: document === undefined ? null : 2,
    }),
  });
  const created = await yard.call("create-training-config", {
    name: "long",
    model_name: "black-forest-labs/FLUX.1-dev",
    dataset_path: "cats",
    steps: 20_000,
    resolution: 512,
  });
  expect(created.error).toBeNull();
  const jobs = async () => (await yard.call("list-training-jobs")).data["total"] as number;
  return { yard, agent, jobs };
}

const start = { name: "start-training", arguments: { config_name: "long" } };
const forms = { elicitation: {} };
const yes = { confirm: { action: "accept", content: { confirm: true } } };

const textOf = (message: Record<string, any>): string => message["result"].content[0].text;

async function asked(yard: Yard, params: object = start) {
  const message = await modernRpc(yard, "tools/call", { ...params }, { capabilities: forms });
  expect(message["result"].resultType).toBe("input_required");
  return message["result"] as { requestState: string; inputRequests: Record<string, any> };
}

describe("a start that takes longer than the box's owner wants unasked", () => {
  it("is refused, with what to say, and goes on when it is said", async () => {
    const { yard, jobs } = await longConfig();
    const refused = await yard.call("start-training", { config_name: "long" });
    const wrong = await yard.call("start-training", { config_name: "long", confirm: "yes" });

    expect([refused.status, refused.error?.code]).toEqual([400, "CONFIRM_REQUIRED"]);
    expect(refused.error?.message).toMatch(
      /^It takes some \d+(\.\d)? hours by a rough table, and its owner wants to be asked above 2\. Nothing was started\.$/,
    );
    expect(refused.error?.details).toMatchObject({ confirm: "long", confirm_hours: 2 });
    expect(wrong.error?.code).toBe("CONFIRM_REQUIRED");
    expect(await jobs()).toBe(0);
    for (const tool of ["start-training", "run-training-with-guardrails"] as const) {
      const begun = await yard.call(tool, {
        config_name: "long",
        confirm: "long",
        ...(tool === "start-training" ? {} : { monitor_seconds: 0 }),
      });
      expect(begun.error).toBeNull();
    }
    expect(await jobs()).toBe(2);
  });

  it("is not asked about where it is short enough", async () => {
    const { yard } = await longConfig();
    await yard.call("create-training-config", {
      name: "short",
      model_name: "black-forest-labs/FLUX.1-dev",
      dataset_path: "cats",
      steps: 500,
    });

    expect((await yard.call("start-training", { config_name: "short" })).error).toBeNull();
  });

  it("is not asked of a client that cannot show a form: it reads the refusal", async () => {
    const { yard, jobs } = await longConfig();
    const old = await rpc(yard, "/mcp", "tools/call", start);
    const none = await modernRpc(yard, "tools/call", start);
    const pages = await modernRpc(yard, "tools/call", start, {
      capabilities: { elicitation: { url: {} } },
    });

    for (const message of [old, none, pages]) {
      expect(message["result"].isError).toBe(true);
      expect(textOf(message)).toMatch(/^CONFIRM_REQUIRED: .* repeat the call with confirm/);
    }
    expect(await jobs()).toBe(0);
  });
});

describe("a client that can ask a person", () => {
  it("is given a form, and the call goes on with the answer", async () => {
    const { yard, jobs } = await longConfig();
    const { inputRequests, requestState } = await asked(yard);

    expect(inputRequests).toEqual({
      confirm: {
        method: "elicitation/create",
        params: {
          mode: "form",
          message: expect.stringMatching(/^Start training: long\. It takes some /),
          requestedSchema: {
            type: "object",
            properties: { confirm: { type: "boolean", title: "Yes, go on" } },
            required: ["confirm"],
          },
        },
      },
    });
    const done = await modernRpc(
      yard,
      "tools/call",
      { ...start, inputResponses: yes, requestState },
      { capabilities: forms },
    );
    expect(done["result"]).toMatchObject({
      resultType: "complete",
      structuredContent: { success: true },
    });
    expect(await jobs()).toBe(1);
  });

  it("starts it with the official client, which asks by itself", async () => {
    const { yard } = await longConfig();
    const messages: string[] = [];
    const client = new Client(
      { name: "test", version: "1" },
      { versionNegotiation: { mode: { pin: "2026-07-28" } }, capabilities: { elicitation: {} } },
    );
    client.setRequestHandler("elicitation/create", async ({ params }) => {
      messages.push(params.message);
      return { action: "accept", content: { confirm: true } };
    });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), {
        fetch: (url, init) => yard.fetch(String(url), init),
        requestInit: { headers: { authorization: `Bearer ${yard.tokens.admin}` } },
      }),
    );
    const result = await client.callTool(start);
    await client.close();

    expect(messages).toHaveLength(1);
    expect(result.structuredContent).toMatchObject({ success: true });
  });

  it.each([
    ["declined", { action: "decline" }],
    ["cancelled", { action: "cancel" }],
    ["accepted without a yes", { action: "accept", content: { confirm: false } }],
  ])("that %s starts nothing", async (_name, confirm) => {
    const { yard, jobs } = await longConfig();
    const { requestState } = await asked(yard);
    const done = await modernRpc(
      yard,
      "tools/call",
      { ...start, inputResponses: { confirm }, requestState },
      { capabilities: forms },
    );

    expect(done["result"].isError).toBe(true);
    expect(textOf(done)).toMatch(/^CONFIRM_DECLINED: /);
    expect(await jobs()).toBe(0);
  });

  it.each([
    ["no answer", {}],
    ["an answer of another form", { confirm: { action: "accept", content: { sure: "yes" } } }],
    ["an answer to something else", { other: yes.confirm }],
  ])("that comes back with %s is asked again", async (_name, inputResponses) => {
    const { yard, jobs } = await longConfig();
    const { requestState } = await asked(yard);
    await asked(yard, { ...start, inputResponses, requestState });
    expect(await jobs()).toBe(0);
  });

  it("cannot carry one call's yes to another", async () => {
    const { yard, jobs } = await longConfig();
    await yard.call("create-training-config", {
      name: "longer",
      model_name: "black-forest-labs/FLUX.1-dev",
      dataset_path: "cats",
      steps: 90_000,
    });
    const { requestState } = await asked(yard);
    const other = { ...start, arguments: { config_name: "longer" } };
    const again = await asked(yard, { ...other, inputResponses: yes, requestState });

    expect(again.inputRequests["confirm"].params.message).toContain("longer");
    expect(await jobs()).toBe(0);
  });

  it("is refused with a state that is not ours, was changed, belongs to another or is over", async () => {
    const { yard, jobs } = await longConfig();
    const stranger = await longConfig();
    const { requestState } = await asked(yard);
    const foreign = await asked(stranger.yard);
    const [head = "", body = "", mac = ""] = requestState.split(".");
    const changed = {
      ...JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/"))),
      exp: 9e9,
    };
    const send = async (state: string, scope: "admin" | "train" = "admin") =>
      (
        await modernRpc(
          yard,
          "tools/call",
          { ...start, inputResponses: yes, requestState: state },
          { capabilities: forms, scope },
        )
      )["error"];
    const refusal = { code: -32_602, message: "Invalid or expired requestState" };

    expect(await send("nonsense")).toMatchObject(refusal);
    expect(await send([head, btoa(JSON.stringify(changed)), mac].join("."))).toMatchObject(refusal);
    expect(await send(foreign.requestState)).toMatchObject(refusal);
    expect(await send(requestState, "train")).toMatchObject(refusal);
    vi.useFakeTimers({
      toFake: ["Date"],
      now: Date.now() + limits.questionSeconds * 1_000 + 1_000,
    });
    onTestFinished(() => void vi.useRealTimers());
    expect(await send(requestState)).toMatchObject(refusal);
    vi.useRealTimers();
    expect(await jobs()).toBe(0);
  });
});
