import { describe, expect, it } from "vitest";
import { connectAgent, silence } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";

const datasets = {
  datasets: [
    {
      name: "cats",
      path: "datasets/cats",
      image_count: 3,
      caption_count: 3,
      captions_complete: true,
      total_size_bytes: 9,
    },
  ],
  count: 1,
  observed_at: null,
  connectivity: "live",
};

describe("list-agents", () => {
  it("shows enrolled boxes, also those that never connected", async () => {
    const yard = await createYard({ agents: 2 });
    const agent = await connectAgent(yard);
    const { data, text } = await yard.call("list-agents");

    expect(data["count"]).toBe(2);
    expect(data["agents"][0]).toMatchObject({
      agent_id: agent.agentId,
      name: "workshop",
      connectivity: "live",
      version: "0.1.0",
      trainers: [{ name: "ai-toolkit", found: true, version: "27a03a91" }, { name: "tiny" }],
      gpus: [{ index: 0, name: "RTX 4090", memory_total_mb: 24_564 }],
      active_job_ids: [],
      queue_length: 0,
      epoch: 1,
    });
    expect(data["agents"][1]).toMatchObject({ connectivity: "offline", last_seen_at: null });
    expect(text).toContain("2 GPU boxes, 1 connected");
  });

  it("without any box says how to get one", async () => {
    const { data, text } = await (await createYard({ agents: 0 })).call("list-agents");

    expect(data).toEqual({ agents: [], count: 0 });
    expect(text).toContain("No GPU box is enrolled");
  });

  it("does not show a box that is no longer enrolled", async () => {
    const yard = await createYard();
    await connectAgent(yard);
    const later = await createYard({
      vars: { TRAINYARD_TOKENS: yard.env.TRAINYARD_TOKENS ?? "", TRAINYARD_AGENTS: "[]" },
    });
    const response = await later.fetch("/mcp/tool", {
      method: "POST",
      headers: { authorization: `Bearer ${yard.tokens.admin}` },
      body: JSON.stringify({ name: "list-agents" }),
    });

    expect(await response.json()).toMatchObject({ data: { agents: [], count: 0 } });
  });

  it("counts what runs and what waits", async () => {
    const yard = await createYard();
    await connectAgent(yard);
    await yard.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const first = await yard.call("start-training", { config_name: "cats" });
    await yard.call("start-training", { config_name: "cats", force_new: true });

    expect((await yard.call("list-agents")).data["agents"][0]).toMatchObject({
      active_job_ids: [first.data["job_id"]],
      queue_length: 1,
    });
  });
});

describe("a tool of the box", () => {
  it("runs there with the caller's arguments and the door's detail", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, {
      tool: () => ({ data: datasets, text: "One dataset." }),
    });
    const http = await yard.call("list-datasets", { agent: agent.agentId });
    const mcp = await yard.mcp("list-datasets");

    expect(http.data).toMatchObject({
      count: 1,
      connectivity: "live",
      observed_at: expect.any(String) as string,
    });
    expect(http.text).toBe("One dataset.");
    expect(mcp.isError).toBe(false);
    expect(agent.argsOf("tool")).toEqual([
      { tool: "list-datasets", arguments: { detail: "full" } },
      { tool: "list-datasets", arguments: { detail: "concise" } },
    ]);
  });

  it("is answered from the last time when the box is off, with its age", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, {
      tool: () => ({ data: datasets, text: "One dataset." }),
    });
    const before = await yard.call("list-datasets");
    await agent.close();
    const after = await yard.call("list-datasets");
    const concise = await yard.mcp("list-datasets");
    const never = await yard.call("list-exported-models");

    expect(after.status).toBe(200);
    expect(after.data).toMatchObject({ datasets: before.data["datasets"], connectivity: "stale" });
    expect(Date.parse(after.data["observed_at"] as string)).toBeLessThanOrEqual(Date.now());
    expect(after.text).toMatch(
      /^The box does not answer \(stale\); this is from \d+ s ago\. One dataset\./,
    );
    expect(concise.data["count"]).toBe(1);
    expect([never.status, never.error?.code]).toEqual([503, "AGENT_OFFLINE"]);
  });

  it("that an old agent does not have is AGENT_OUTDATED at once", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, {}, { capabilities: { tools: [] } });
    const { status, error } = await yard.call("list-datasets");

    expect([status, error?.code]).toEqual([409, "AGENT_OUTDATED"]);
    expect(agent.calls).toEqual([]);
  });

  it("that does not answer in the call's time is TOOL_TIMEOUT, 504", async () => {
    const yard = await createYard({ vars: { MCP_HTTP_TOOL_TIMEOUT_SECONDS: "0.2" } });
    await connectAgent(yard, { tool: () => silence });
    const { status, error } = await yard.call("get-system-stats");

    expect([status, error?.code]).toEqual([504, "TOOL_TIMEOUT"]);
    expect(error?.hint).toContain("list-agents");
  });

  it("without any box that ever connected is AGENT_OFFLINE, with what to do", async () => {
    const { status, error } = await (await createYard()).call("get-system-stats");

    expect([status, error?.code]).toEqual([503, "AGENT_OFFLINE"]);
    expect(error?.hint).toContain("trainyard agent");
  });
});
