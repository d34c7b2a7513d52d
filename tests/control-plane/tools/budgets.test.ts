import { limits } from "@trainyard/shared/limits.ts";
import type { ToolName } from "@trainyard/shared/tools/registry.ts";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { connectAgent, fileScript } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { McpAnswer, Yard } from "../support/yard.ts";

/** A busy yard with long names and long texts: what a client's model has to read must stay bounded all the same. */
const name = "a-training-config-with-a-really-long-name-of-sixty-four-charact";
const longLine = `${"word ".repeat(90)}"quoted" \\ and more`;
let yard: Yard;
let jobId = "";
let failedId = "";

beforeAll(async () => {
  yard = await createYard();
  const agent = await connectAgent(yard, {
    ...fileScript(yard),
    "read-log": (args) => ({
      lines: Array.from({ length: Math.min(args.lines, 1_000) }, (_, n) => ({
        n: n + 1,
        stream: "stderr" as const,
        text: longLine,
        repeat: 2,
      })),
      totalLines: 100_000,
      truncated: true,
      readBytes: 1_000_000,
      firstError: longLine.repeat(4).slice(0, 2_000),
    }),
  });
  const config = {
    model_name: "ostris/Flex.1-alpha",
    dataset_path: name,
    learning_rate: 0.009,
    batch_size: 64,
    steps: 30_000,
  };
  const prompts = Array.from(
    { length: 60 },
    (_, n) => `prompt ${n} ${"of many words ".repeat(20)}`,
  );
  await yard.call("create-training-config", {
    ...config,
    name,
    trigger_word: "sks",
    test_prompts: prompts,
  });
  for (let i = 0; i < 60; i += 1) {
    await yard.call("create-training-config", { ...config, name: `${name.slice(0, 60)}${i}` });
  }
  jobId = String((await yard.call("start-training", { config_name: name })).data["job_id"]);
  for (let i = 0; i < 12; i += 1) {
    failedId = String(
      (await yard.call("start-training", { config_name: name, force_new: true })).data["job_id"],
    );
  }
  agent.files.set("out/final.safetensors", new Uint8Array(100));
  const items: Item[] = [
    {
      kind: "state",
      atMs: 1,
      state: "running",
      process: { pid: 123_456, startTicks: "9".repeat(20), bootId: "b".repeat(36) },
    },
  ];
  for (let step = 0; step < 400; step += 1) {
    items.push({
      kind: "sample",
      atMs: step,
      step: 30_000 + step,
      index: step,
      path: `outputs/${name}/samples/${"x".repeat(120)}_${step}.png`,
      bytes: 1_000_000,
    });
  }
  for (let n = 0; n < 60; n += 1) {
    items.push({
      kind: "alert",
      atMs: n,
      step: n,
      code: "TRAINING_NAN_LOSS",
      severity: "critical",
      category: "quality",
      message: "m".repeat(400),
      evidence: { nan_steps: n, first_nan_step: 1, threshold: 3 },
      guardrail: true,
    });
  }
  items.push({
    kind: "state",
    atMs: 99,
    state: "failed",
    failure: { code: "TRAINER_ERROR", message: "m".repeat(300), fix: "f".repeat(300) },
    evidence: { exit_code: 1, error_line: longLine.repeat(2).slice(0, 1_000) },
  });
  await agent.events(jobId, items, {
    state: "failed",
    currentStep: 29_999,
    totalSteps: 30_000,
    loss: 0.123456789,
    logTail: [longLine],
  });
}, 30_000);

const characters = ({ data, text }: McpAnswer) => JSON.stringify(data).length + text.length;

const calls: readonly (readonly [ToolName, () => Record<string, unknown>])[] = [
  ["list-agents", () => ({})],
  ["list-configs", () => ({})],
  ["get-config", () => ({ name })],
  [
    "create-training-config",
    () => ({
      name: `${name.slice(0, 60)}-x`,
      model_name: "ostris/Flex.1-alpha",
      dataset_path: name,
      learning_rate: 0.009,
      batch_size: 64,
      steps: 30_000,
      rank: 512,
      resolution: 64,
      overwrite: true,
    }),
  ],
  ["validate-training-config", () => ({ config_name: name })],
  [
    "validate-training-config",
    () => ({
      config: {
        config: { process: Array.from({ length: 12 }, () => ({ wat: 1, train: { wut: 2 } })) },
      },
    }),
  ],
  ["list-training-jobs", () => ({ limit: 50 })],
  ["get-training-status", () => ({ job_id: jobId })],
  ["get-training-status", () => ({ job_id: failedId })],
  ["get-training-logs", () => ({ job_id: jobId, lines: 1_000 })],
  [
    "watch-training-timeseries",
    () => ({
      job_id: jobId,
      duration_seconds: 0,
      include_raw_log_excerpt: true,
      include_dataset: true,
    }),
  ],
  [
    "run-training-with-guardrails",
    () => ({ config_name: name, monitor_seconds: 0, check_dataset: false }),
  ],
  ["create-download-link", () => ({ model_path: "out/final.safetensors" })],
  ["download-model", () => ({ model_path: "out/final.safetensors" })],
];

describe("at MCP", () => {
  it.each(calls)("%s is short unless more is asked for", async (tool, args) => {
    const answer = await yard.mcp(tool, args());

    expect(answer.isError).toBe(false);
    expect(characters(answer)).toBeLessThanOrEqual(limits.conciseCharacters);
  });

  it.each(calls.filter(([tool]) => !["create-download-link"].includes(tool)))(
    "%s in full detail stays below what clients cut",
    async (tool, args) => {
      const answer = await yard.mcp(tool, { ...args(), detail: "full" });

      expect(answer.isError).toBe(false);
      expect(characters(answer)).toBeLessThanOrEqual(limits.fullCharacters);
    },
  );

  it.each([
    ["start-training", () => ({ config_name: name })],
    ["stop-training", () => ({ job_id: failedId })],
    ["create-upload-link", () => ({ dataset_name: name })],
  ] as const)("%s is short", async (tool, args) => {
    const answer = await yard.mcp(tool, args());

    expect(answer.isError).toBe(false);
    expect(characters(answer)).toBeLessThanOrEqual(limits.conciseCharacters);
  });

  it("an error is short", async () => {
    const answer = await yard.mcp("get-training-status", { job_id: "x".repeat(100) });

    expect(answer.isError).toBe(true);
    expect(answer.text.length).toBeLessThanOrEqual(1_200);
  });
});

describe("over HTTP", () => {
  it("nothing is cut: a script has no second look", async () => {
    const { data } = await yard.call("get-training-logs", { job_id: jobId, lines: 1_000 });
    const configs = await yard.call("list-configs");

    expect(data["logs"]).toHaveLength(1_000);
    expect(configs.data["configs"]).toHaveLength(configs.data["count"] as number);
  });
});
