import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pictures, startTrainyard, untilEnded } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

interface Called {
  readonly isError: boolean;
  readonly structured: Record<string, any> | undefined;
  readonly text: string;
}

type Reference =
  | { readonly type: "ref/prompt"; readonly name: string }
  | { readonly type: "ref/resource"; readonly uri: string };

interface AnyClient {
  readonly list: () => Promise<string[]>;
  readonly call: (
    name: string,
    args: Record<string, unknown>,
    progress?: (n: number) => void,
  ) => Promise<Called>;
  readonly resources: () => Promise<string[]>;
  readonly read: (uri: string) => Promise<string>;
  readonly prompts: () => Promise<string[]>;
  readonly prompt: (name: string, args: Record<string, string>) => Promise<string>;
  readonly complete: (ref: Reference, name: string, value: string) => Promise<string[]>;
  readonly close: () => Promise<void>;
}

const headers = (token: string) => ({
  requestInit: { headers: { authorization: `Bearer ${token}` } },
});

function read(result: Record<string, any>): Called {
  return {
    isError: result["isError"] === true,
    structured: result["structuredContent"],
    text: (result["content"] as { text?: string }[]).map((block) => block.text ?? "").join("\n"),
  };
}

/** What both clients' classes have in common beside tools. */
function beside(client: ModernClient | OldClient): Omit<AnyClient, "list" | "call" | "close"> {
  return {
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    read: async (uri) => {
      const [content] = (await client.readResource({ uri })).contents as { text?: string }[];
      return content?.text ?? "";
    },
    prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    prompt: async (name, args) => {
      const [message] = (await client.getPrompt({ name, arguments: args })).messages;
      return message?.content.type === "text" ? message.content.text : "";
    },
    complete: async (ref, name, value) =>
      (await client.complete({ ref, argument: { name, value } })).completion.values,
  };
}

async function modern(url: string, token: string): Promise<AnyClient> {
  const client = new ModernClient(
    { name: "modern", version: "1" },
    { versionNegotiation: { mode: "auto" } },
  );
  await client.connect(new ModernTransport(new URL(url), headers(token)));
  return {
    ...beside(client),
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, progress) =>
      read(
        await client.callTool(
          { name, arguments: args },
          progress ? { onprogress: (p) => progress(p.progress) } : {},
        ),
      ),
    close: () => client.close(),
  };
}

async function old(url: string, token: string): Promise<AnyClient> {
  const client = new OldClient({ name: "old", version: "1" });
  await client.connect(new OldTransport(new URL(url), headers(token)));
  return {
    ...beside(client),
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, progress) =>
      read(
        await client.callTool(
          { name, arguments: args },
          undefined,
          progress ? { onprogress: (p) => progress(p.progress) } : {},
        ),
      ),
    close: () => client.close(),
  };
}

describe.each([
  ["2026-07-28 and later (@modelcontextprotocol/client)", modern],
  ["2025 era (@modelcontextprotocol/sdk 1.x)", old],
])("an MCP client of the era %s", (era, connect) => {
  let trainyard: Trainyard;
  beforeAll(async () => {
    trainyard = await startTrainyard({ env: { TRAINYARD_TINY_PIXELS: "64" } });
    await trainyard.upload("shapes", await pictures(20));
  });
  afterAll(() => trainyard.close());

  it("lists the tools of each toolset", async () => {
    for (const [path, expected] of [
      ["/mcp", ["list-agents", "start-training", "download-model"]],
      ["/mcp/core", ["list-agents", "run-training-with-guardrails"]],
      ["/mcp/readonly", ["list-agents", "get-training-status"]],
    ] as const) {
      const client = await connect(trainyard.ready.url + path, trainyard.ready.token);
      const names = await client.list();
      await client.close();

      expect(names).toEqual(expect.arrayContaining([...expected]));
      expect(names.includes("start-training")).toBe(path === "/mcp");
    }
  });

  it("trains, with progress while it waits, and is told the truth", async () => {
    const client = await connect(trainyard.ready.mcp_url, trainyard.ready.token);
    const name = `lora-${era.length}`;
    const config = await client.call("create_training_config", {
      name,
      model_name: "tiny",
      dataset_path: "/ai-toolkit/datasets/shapes",
      steps: 60,
      test_prompts: ["shape 1 on 20"],
    });
    expect(config.text).not.toContain("Error");
    expect(config.isError).toBe(false);

    const ticks: number[] = [];
    const run = await client.call(
      "run-training-with-guardrails",
      { config_name: name, monitor_seconds: 40, poll_interval_seconds: 2 },
      (n) => ticks.push(n),
    );

    expect(run.isError).toBe(false);
    expect(run.structured?.["status"]).toBe("job_completed");
    expect(ticks.length).toBeGreaterThan(0);
    expect([...ticks].sort((a, b) => a - b)).toEqual(ticks);
    const status = await client.call("get-training-status", { job_id: run.structured?.["job_id"] });
    expect(status.structured).toMatchObject({
      status: "completed",
      current_step: 60,
      total_steps: 60,
    });
    expect(status.structured?.["model"]).toMatchObject({ verified: true });
    await client.close();
  });

  it("reads guides, configs and reports, and completes what it types", async () => {
    const client = await connect(trainyard.ready.mcp_url, trainyard.ready.token);
    const name = `lora-${era.length}`;
    const jobs = await trainyard.call("list-training-jobs");
    const jobId = String(jobs.data["jobs"][0].job_id);
    const report = `trainyard://jobs/${jobId}/report`;

    expect(await client.resources()).toEqual([
      "trainyard://guides/training",
      "trainyard://guides/troubleshooting",
      report,
      `trainyard://configs/${name}`,
    ]);
    expect(await client.read("trainyard://guides/training")).toMatch(/^# Training guide\n/);
    expect(await client.read(`trainyard://configs/${name}`)).toContain(`name: ${name}`);
    expect(await client.read(report)).toMatch(/^# Training report: /);
    await expect(client.read("trainyard://configs/nothing")).rejects.toMatchObject({
      code: -32_602,
    });
    const reports = { type: "ref/resource", uri: "trainyard://jobs/{job_id}/report" } as const;
    const style = { type: "ref/prompt", name: "train_style" } as const;
    expect(await client.complete(reports, "job_id", "lora")).toEqual([jobId]);
    expect(await client.complete(style, "dataset", "sh")).toEqual(["shapes"]);
    expect(await client.complete(style, "agent", "agent_")).toEqual([trainyard.ready.agent_id]);
    await client.close();
  });

  it("takes prompts that name tools it has", async () => {
    const client = await connect(trainyard.ready.mcp_url, trainyard.ready.token);
    const tools = await client.list();
    const names = await client.prompts();
    const texts = await Promise.all(names.map((name) => client.prompt(name, {})));
    const failed = await client.prompt("why_did_it_fail", { job_id: "job_1" });
    await client.close();

    expect(names).toHaveLength(5);
    for (const text of texts) {
      const named = [...text.matchAll(/^\d+\. ([a-z-]+)/gm)].map((match) => match[1] ?? "");
      expect(named.length).toBeGreaterThan(2);
      expect(tools).toEqual(expect.arrayContaining(named));
    }
    expect(failed).toContain('1. get-training-status {"job_id":"job_1"');
  });

  it("is told what was wrong, as a tool error", async () => {
    const client = await connect(trainyard.ready.mcp_url, trainyard.ready.token);
    const missing = await client.call("get-training-status", {
      job_id: "job_00000000000000000000000000",
    });
    const unknownKey = await client.call("start-training", { config_name: "x", wat: 1 });
    await client.close();

    expect([missing.isError, missing.text]).toEqual([
      true,
      expect.stringContaining("JOB_NOT_FOUND"),
    ]);
    expect([unknownKey.isError, unknownKey.text]).toEqual([
      true,
      expect.stringContaining("UNKNOWN_KEY"),
    ]);
  });

  it("is refused without a token", async () => {
    await expect(connect(trainyard.ready.mcp_url, "wrong")).rejects.toThrow();
  });

  it("leaves no trace of a job that the door refused", async () => {
    const refused = await trainyard.call("start-training", { config_name: "nothing" });

    expect([refused.status, refused.error?.code]).toEqual([404, "CONFIG_NOT_FOUND"]);
    const jobs = await trainyard.call("list-training-jobs");
    for (const job of jobs.data["jobs"] as { job_id: string }[])
      await untilEnded(trainyard, job.job_id);
  });
});
