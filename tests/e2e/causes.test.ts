import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pictures, startTrainyard, until, untilEnded } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

let trainyard: Trainyard;
let client: Client;
beforeAll(async () => {
  trainyard = await startTrainyard({ env: { TRAINYARD_TINY_PIXELS: "128" } });
  await trainyard.upload("photos", await pictures(10));
  await trainyard.upload("fleeting", await pictures(60));
  client = new Client({ name: "causes", version: "1" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(trainyard.ready.mcp_url), {
      requestInit: { headers: { authorization: `Bearer ${trainyard.ready.token}` } },
    }),
  );
});
afterAll(async () => {
  await client.close();
  await trainyard.close();
});

/** What an agent sees that only asks how the job is. */
async function status(jobId: string) {
  const result = await client.callTool({
    name: "get-training-status",
    arguments: { job_id: jobId },
  });
  const text = result.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  return { text, data: result.structuredContent as Record<string, any> };
}

async function start(name: string, config: Record<string, unknown>, guardrails = {}) {
  await trainyard.call("create-training-config", {
    name,
    model_name: "tiny",
    steps: 60,
    dataset_path: "photos",
    ...config,
  });
  const started = await trainyard.call("run-training-with-guardrails", {
    config_name: name,
    monitor_seconds: 0,
    ...guardrails,
  });
  expect(started.error).toBeNull();
  return String(started.data["job_id"]);
}

describe("get-training-status names the cause and the fix", () => {
  it("of a run that a guardrail stopped for NaN", async () => {
    const jobId = await start("hot", { learning_rate: 1, steps: 2_000 });
    await untilEnded(trainyard, jobId);
    const { data, text } = await status(jobId);

    expect(data).toMatchObject({
      status: "stopped",
      diagnosis: {
        category: "nan_loss",
        cause: expect.stringMatching(/not a (?:finite )?number/),
        fix: expect.stringContaining("learning rate"),
        call: expect.stringContaining("create-training-config"),
        root_cause_line: "loss is nan",
      },
    });
    expect(text).toContain("Lower the learning rate");
  });

  it("of a run that went on to its end with NaN, which is completed and spoilt", async () => {
    const jobId = await start("molten", { learning_rate: 1 }, { stop_on_nan: false });
    await untilEnded(trainyard, jobId);
    const { data, text } = await status(jobId);

    expect(data).toMatchObject({ status: "completed", diagnosis: { outcome: "degraded" } });
    expect(text).toContain("Lower the learning rate");
    expect(text).not.toContain("verified");
    expect(text).toContain("Next: evaluate-lora");
  });

  it("of a run whose dataset was emptied while it waited in the queue", async () => {
    const first = await start("long", { steps: 5_000 });
    const jobId = await start("bare", { dataset_path: "fleeting" });
    const folder = join(trainyard.home, "datasets", "fleeting");
    for (const file of readdirSync(folder)) rmSync(join(folder, file));
    await trainyard.call("stop-training", { job_id: first, mode: "now" });
    await untilEnded(trainyard, jobId);
    const { data, text } = await status(jobId);

    expect(data).toMatchObject({
      status: "failed",
      failure: {
        code: "DATASET_EMPTY",
        fix: expect.stringContaining("pictures"),
        call: "list-datasets",
        evidence: { root_cause_line: expect.stringContaining("AssertionError: no images found") },
      },
    });
    expect(text).toContain("DATASET_EMPTY");
    expect(text).not.toContain("AssertionError");
  });

  it("of a run that somebody killed", async () => {
    const jobId = await start("victim", { steps: 5_000 });
    const pid = await until("the process", async () => {
      const now = await trainyard.call("get-training-status", { job_id: jobId, detail: "full" });
      return (now.data["process"] as { pid: number } | null)?.pid;
    });
    process.kill(pid, "SIGKILL");
    await untilEnded(trainyard, jobId);
    const { data } = await status(jobId);

    expect(data["failure"]).toMatchObject({
      code: "KILLED",
      message: expect.stringContaining("SIGKILL"),
      fix: expect.stringContaining("out-of-memory killer"),
    });
  });
});
