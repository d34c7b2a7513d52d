import type { Item } from "@trainyard/shared/protocol/items.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { findTool, tools } from "@trainyard/shared/tools/registry.ts";
import { describe, expect, it } from "vitest";
import { connectAgent } from "../support/scripted-agent.ts";
import type { ScriptedAgent, Script } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

/** A verb and its object, as every tool is called. */
const toolName = new RegExp(
  String.raw`\b(?:${[...new Set(tools.map(({ name }) => name.split("-")[0]))].join("|")})(?:-[a-z]+)+`,
  "g",
);
const sdxl = "stabilityai/stable-diffusion-xl-base-1.0";
const cats = { dataset_path: "cats", model_name: sdxl };

/** A whole training of the yard, with what its end says. */
async function trained(
  yard: Yard,
  agent: ScriptedAgent,
  end: {
    readonly name: string;
    readonly config?: Record<string, unknown>;
    readonly state?: "completed" | "failed";
    readonly failureCode?: "TRAINER_ERROR" | "OOM_GPU";
    readonly evidence?: Record<string, string | number | boolean | null>;
    readonly stepsPerSecond?: number;
    /** Batches that were skipped for lack of memory. */
    readonly skipped?: number;
  },
): Promise<string> {
  const config = { name: end.name, ...cats, resolution: 1024, rank: 16, ...end.config };
  await yard.call("create-training-config", config);
  const started = await yard.call("start-training", { config_name: end.name });
  const jobId = String(started.data["job_id"]);
  const failed = end.state === "failed";
  const items: Item[] = [
    { kind: "state", atMs: 1_000, state: "running" },
    ...(end.skipped === undefined
      ? []
      : [
          {
            kind: "alert" as const,
            atMs: 2_000,
            step: 10,
            code: "TRAINING_REPEATED_OOM",
            severity: "warning" as const,
            category: "errors",
            message: "Batches were skipped.",
            evidence: { oom_count: end.skipped },
            guardrail: false,
          },
        ]),
    {
      kind: "state",
      atMs: 1_001_000,
      state: end.state ?? "completed",
      ...(failed
        ? {
            failure: {
              code: end.failureCode ?? ("TRAINER_ERROR" as const),
              message: "It ended.",
              fix: "Look.",
            },
          }
        : {}),
      evidence: end.evidence ?? {},
    },
  ];
  await agent.events(jobId, items, {
    state: end.state ?? "completed",
    currentStep: 1_000,
    totalSteps: 1_000,
    stepsPerSecond: end.stepsPerSecond ?? 2,
  });
  return jobId;
}

async function openYard(script: Script = {}) {
  const yard = await createYard();
  return { yard, agent: await connectAgent(yard, script) };
}

describe("recommend-training-plan", () => {
  it("plans from the box's card and dataset, and its next call works as it stands", async () => {
    const { yard } = await openYard();
    const { data, text } = await yard.call("recommend-training-plan", {
      ...cats,
      goal: "a portrait of my sister",
      time_budget_minutes: 60,
    });

    expect(data).toMatchObject({
      context: { config_source: "argument", dataset_source: "argument", max_dataset_files: 2_000 },
      dataset_analysis: { total_images: 20, caption_coverage_pct: 100 },
      system_snapshot: { gpu_name: "RTX 4090", gpu_memory_total: 24_564, connectivity: "live" },
      plan: {
        plan_version: "plan_v2",
        goal_profile: "character",
        model_family: "sdxl",
        recommended_plan: { profile: "balanced", fits: "fits", within_budget: true },
        memory: { memory_source: "static_table", verdict: "fits", job_ids: [] },
        speed: { speed_source: "static_table" },
        assumptions: { dataset_images: 20, vram_source: "box", time_budget_minutes: 60 },
      },
    });
    expect(data["plan"]["alternative_plans"]).toHaveLength(3);
    expect(data["next_actions"]).toHaveLength(3);
    expect(text).toContain("Next: create-training-config");
    const { tool, arguments: args } = data["next_call"];
    expect(tool).toBe("create-training-config");
    const made = await yard.call("create-training-config", args as Record<string, unknown>);
    expect(made.status).toBe(200);
    expect(made.data).toMatchObject({
      config_name: "cats-sdxl",
      steps: data["plan"]["recommended_plan"]["steps"],
      findings: [],
    });
  });

  it("says that a dataset is not there, short and in full", async () => {
    const { yard } = await openYard({
      preflight: (args) => ({
        trainer: null,
        freeBytes: 1e12,
        datasets: args.datasets.map((reference) => ({
          reference,
          name: reference,
          exists: false,
          isDirectory: false,
          images: 0,
          captioned: 0,
          emptyCaptions: 0,
          totalBytes: 0,
          fingerprint: null,
          scanLimited: false,
        })),
      }),
    });
    const { data, text } = await yard.call("recommend-training-plan", {
      dataset_path: "nope",
      model_name: sdxl,
    });
    const short = await yard.mcp("recommend-training-plan", {
      dataset_path: "nope",
      model_name: sdxl,
    });

    expect(data["dataset_analysis"]).toMatchObject({ error: "dataset_path_not_found" });
    expect(data["plan"]["findings"][0]).toMatchObject({
      code: "DATASET_NOT_FOUND",
      severity: "critical",
    });
    expect(JSON.stringify(data)).not.toContain("was not counted");
    for (const said of [text, short.text]) {
      expect(said).toContain("There is no such dataset on the box");
      expect(said).toContain("list-datasets");
    }
  });

  it("names only tools that there are", async () => {
    const { yard } = await openYard();
    for (const more of [{}, { target_vram_gb: 1 }, { dataset_path: "nope" }]) {
      const { data, text } = await yard.call("recommend-training-plan", { ...cats, ...more });
      const said = [...(data["next_actions"] as string[]), ...data["plan"]["warnings"], text];
      const named = said.join(" ").match(toolName) ?? [];
      expect(named.length).toBeGreaterThan(2);
      expect(named.filter((name) => findTool(name) === null)).toEqual([]);
    }
  });

  it("takes the peer's parameter names", async () => {
    const { yard } = await openYard();
    const { data } = await yard.call("recommend-training-plan", {
      base_model: sdxl,
      dataset_path: "/ai-toolkit/datasets/cats",
      include_dataset_scan: false,
    });

    expect(data["plan"]["model_family"]).toBe("sdxl");
    expect(data["dataset_analysis"]).toEqual({ skipped: true });
    expect(data["plan"]["assumptions"]["dataset_images"]).toBeNull();
  });

  it("learns from ended jobs of the box: peak memory and speed outweigh the table", async () => {
    const { yard, agent } = await openYard();
    const before = await yard.call("recommend-training-plan", cats);
    const jobId = await trained(yard, agent, {
      name: "first",
      evidence: { peak_vram_mib: 15_432, peak_vram_of: "process" },
    });
    const { data, text } = await yard.call("recommend-training-plan", {
      ...cats,
      goal: "object",
    });

    expect(before.data["plan"]["memory"]["memory_source"]).toBe("static_table");
    expect(data["plan"]["memory"]).toMatchObject({ memory_source: "own_jobs", job_ids: [jobId] });
    expect(data["plan"]["memory"]["needed_mb"]).toBeGreaterThan(14_000);
    expect(data["plan"]["speed"]).toMatchObject({
      speed_source: "own_jobs",
      steps_per_second: 2,
      job_ids: [jobId],
      // 1000 s of wall time for 500 s of steps.
      overhead_ratio: 2,
    });
    expect(data["system_snapshot"]["own_jobs"]).toBe(1);
    expect(text).toMatch(/own runs|completed here/);
  });

  it.each([
    {
      failureCode: "TRAINER_ERROR",
      evidence: { error_line: "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate" },
    },
    { failureCode: "OOM_GPU", evidence: {} },
  ] as const)("an out-of-memory end changes the plan: $failureCode", async (end) => {
    const { yard, agent } = await openYard();
    const jobId = await trained(yard, agent, {
      name: "first",
      state: "failed",
      config: { low_vram: true },
      failureCode: end.failureCode,
      evidence: { ...end.evidence },
    });
    const { data } = await yard.call("recommend-training-plan", {
      ...cats,
      config_name: "first",
      goal: "style",
    });

    expect(data["plan"]["config_fit"]).toMatchObject({
      resolution: 1_024,
      memory: { memory_source: "own_jobs", verdict: "does_not_fit", refuted_by: jobId },
      cheapest_change: [{ parameter: "resolution", from: 1_024 }],
    });
    expect(data["plan"]["recommended_plan"]["resolution"]).toBeLessThan(1_024);
  });

  it("a completed run is proof that its load fits, one that skipped batches is not", async () => {
    for (const skipped of [undefined, 2]) {
      const { yard, agent } = await openYard();
      const jobId = await trained(yard, agent, {
        name: "first",
        ...(skipped === undefined ? {} : { skipped }),
      });
      const { data } = await yard.call("recommend-training-plan", {
        ...cats,
        config_name: "first",
      });

      expect(data["plan"]["config_fit"]["memory"]["proven_by"]).toBe(
        skipped === undefined ? jobId : null,
      );
    }
  });

  it("with the box off plans from what is known and says how it knows", async () => {
    const { yard, agent } = await openYard({
      tool: () => ({
        data: {
          datasets: [
            {
              name: "Cats",
              path: "datasets/Cats",
              image_count: 12,
              caption_count: 6,
              captions_complete: false,
              total_size_bytes: 9,
            },
          ],
          count: 1,
          observed_at: null,
          connectivity: "live",
        },
        text: "One.",
      }),
    });
    await yard.call("list-datasets");
    await agent.close();
    const { data } = await yard.call("recommend-training-plan", cats);

    expect(data["dataset_analysis"]).toMatchObject({ total_images: 12, caption_coverage_pct: 50 });
    expect(data["system_snapshot"]).toMatchObject({ gpu_name: "RTX 4090", connectivity: "stale" });
    expect(data["plan"]["findings"].map(({ code }: { code: string }) => code)).toEqual(
      expect.arrayContaining(["FEW_IMAGES", "LOW_CAPTION_COVERAGE"]),
    );
  });

  it("without any box still plans, for a card it says it assumes", async () => {
    const yard = await createYard({ agents: 0 });
    const { data } = await yard.call("recommend-training-plan", { goal: "flux style" });

    expect(data["plan"]).toMatchObject({
      model_family: "flex1",
      memory: { verdict: "unknown" },
      assumptions: { target_vram_gb: 16, vram_source: "assumed" },
    });
    expect(data["context"]).toMatchObject({ config_source: "heuristic_default" });
  });

  it("what does not fit leads to what does", async () => {
    const { yard } = await openYard();
    const { data } = await yard.call("recommend-training-plan", {
      dataset_path: "cats",
      model_name: "black-forest-labs/FLUX.1-dev",
      target_vram_gb: 12,
    });

    expect(data["plan"]["memory"]["verdict"]).toBe("does_not_fit");
    expect(data["next_call"]["tool"]).toBe("recommend-training-plan");
    const next = await yard.call("recommend-training-plan", data["next_call"]["arguments"]);
    expect(next.data["plan"]["memory"]["verdict"]).not.toBe("does_not_fit");
  });

  it("sends every family to create-training-config, with its arch where the name is silent", async () => {
    const { yard } = await openYard();
    const { data, text } = await yard.call("recommend-training-plan", {
      dataset_path: "cats",
      model_name: "Qwen/Qwen-Image",
      target_vram_gb: 48,
    });

    expect(data["next_call"]).toMatchObject({
      tool: "create-training-config",
      arguments: { model_name: "Qwen/Qwen-Image" },
    });
    expect(text).toContain("create-training-config");
    const made = await yard.call("create-training-config", {
      ...(data["next_call"].arguments as Record<string, unknown>),
      model_name: "my-own-mix",
      arch: "qwen_image",
    });
    expect(made.data["config"].config.process[0].model).toMatchObject({ arch: "qwen_image" });
    const again = await yard.call("recommend-training-plan", {
      config_name: made.data["config_name"],
      target_vram_gb: 48,
    });
    expect(again.data["next_call"].arguments).toMatchObject({ arch: "qwen_image" });
  });

  it("another owner's and another box's jobs teach nothing", async () => {
    const yard = await createYard({ agents: 2 });
    const first = await connectAgent(yard);
    const second = await connectAgent(yard, {}, { at: 1, capabilities: { name: "other" } });
    await yard.call("create-training-config", { name: "first", ...cats, resolution: 1024 });
    const started = await yard.call("start-training", {
      config_name: "first",
      agent: first.agentId,
    });
    const jobId = String(started.data["job_id"]);
    await first.events(
      jobId,
      [
        { kind: "state", atMs: 1, state: "running" },
        { kind: "state", atMs: 2, state: "completed", evidence: { peak_vram_mib: 9_999 } },
      ],
      { state: "completed", currentStep: 1_000, stepsPerSecond: 3 },
    );
    const here = await yard.call("recommend-training-plan", { ...cats, agent: first.agentId });
    const there = await yard.call("recommend-training-plan", { ...cats, agent: second.agentId });
    const either = await yard.call("recommend-training-plan", cats);

    expect(here.data["plan"]["memory"]["memory_source"]).toBe("own_jobs");
    expect(there.data["plan"]["memory"]["memory_source"]).toBe("static_table");
    expect([either.status, either.error?.code]).toEqual([409, "AMBIGUOUS_AGENT"]);
  });

  it("at MCP is short, in full too", async () => {
    const { yard, agent } = await openYard();
    for (let n = 0; n < 3; n += 1) {
      await trained(yard, agent, { name: `run${n}`, evidence: { peak_vram_mib: 9_000 + n } });
    }
    const long = "a-dataset-with-a-really-long-name-of-sixty-four-characters-in-it";
    for (const args of [
      { ...cats, goal: "style ".repeat(300), time_budget_minutes: 1, target_vram_gb: 7 },
      { ...cats, goal: "style", time_budget_minutes: 1, config_name: "run0" },
      { dataset_path: long, model_name: `someone/${"sdxl-".repeat(30)}`, time_budget_minutes: 1 },
      { dataset_path: long, model_name: "unknown".repeat(20), time_budget_minutes: 1 },
    ]) {
      const concise = await yard.mcp("recommend-training-plan", args);
      const full = await yard.mcp("recommend-training-plan", { ...args, detail: "full" });
      const characters = (answer: typeof full) =>
        JSON.stringify(answer.data).length + answer.text.length;

      expect(characters(concise)).toBeLessThanOrEqual(limits.conciseCharacters);
      expect(characters(full)).toBeLessThanOrEqual(limits.fullCharacters);
    }
  });

  it("is listed at the core door", async () => {
    const { yard } = await openYard();
    const core = await yard.mcp("recommend-training-plan", cats, "/mcp/core");

    expect(core.isError).toBe(false);
    expect(core.data["plan"]["plan_version"]).toBe("plan_v2");
  });
});
