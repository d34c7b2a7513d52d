import type { ReadResourceResult } from "@modelcontextprotocol/client";
import { limits } from "@trainyard/shared/limits.ts";
import { trainingGuide } from "@trainyard/shared/training/training-guide.ts";
import { troubleshootingGuide } from "@trainyard/shared/logs/failure/troubleshooting.ts";
import { afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { unwrap } from "../../../control-plane/outcome.ts";
import { hubOf } from "../../../control-plane/stubs.ts";
import { complete, sendRun, startedJob } from "../support/judged-jobs.ts";
import { connectClient, eras, modernHeaders, modernMeta } from "../support/mcp-client.ts";
import type { Era } from "../support/mcp-client.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard, rpc } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});

async function client(yard: Yard, era: Era, path = "/mcp", scope: "read" | "admin" = "read") {
  const made = await connectClient(yard, era, path, scope);
  open.push(made);
  return made;
}

async function withConfigs(yard: Yard, names: readonly string[]): Promise<void> {
  const hub = hubOf(yard.env, yard.owner);
  for (const name of names) {
    unwrap(
      await hub.configs("put", {
        config: { name, document: { name }, facts: {}, updatedAtMs: 1_790_000_000_000 },
        overwrite: false,
      }),
    );
  }
}

function textOf({ contents }: ReadResourceResult): string {
  const [content] = contents;
  if (content === undefined || !("text" in content)) throw new Error("no text");
  return content.text;
}

describe.each(eras)("resources for a client of the era %s", (_name, era) => {
  it.each(["/mcp", "/mcp/core", "/mcp/readonly"])(
    "lists guides and templates at %s",
    async (path) => {
      const made = await client(await createYard(), era, path);
      const { resources } = await made.listResources();
      const { resourceTemplates } = await made.listResourceTemplates();

      expect(made.getServerCapabilities()).toMatchObject({
        tools: {},
        prompts: {},
        resources: {},
        completions: {},
      });
      expect(resources.map(({ uri, mimeType }) => [uri, mimeType])).toEqual([
        ["trainyard://guides/training", "text/markdown"],
        ["trainyard://guides/troubleshooting", "text/markdown"],
      ]);
      expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
        "trainyard://configs/{name}",
        "trainyard://jobs/{job_id}/report",
      ]);
    },
  );

  it("reads the guides, the same words as in the documents", async () => {
    const made = await client(await createYard(), era);

    expect(await made.readResource({ uri: "trainyard://guides/training" })).toMatchObject({
      contents: [
        { uri: "trainyard://guides/training", mimeType: "text/markdown", text: trainingGuide() },
      ],
    });
    expect(textOf(await made.readResource({ uri: "trainyard://guides/troubleshooting" }))).toBe(
      troubleshootingGuide(),
    );
  });

  it("reads the training guide as recommend-training-plan gives it", async () => {
    const yard = await createYard();
    const made = await client(yard, era);
    const plan = await yard.mcp("recommend-training-plan", { include_guide: true, detail: "full" });
    const short = await yard.mcp("recommend-training-plan", { include_guide: true });

    expect(textOf(await made.readResource({ uri: "trainyard://guides/training" }))).toBe(
      plan.data["guide"],
    );
    expect(short.data).not.toHaveProperty("guide");
    expect(short.text).toContain("The guide comes with detail full.");
  });

  it("reads a config as get-config gives it", async () => {
    const yard = await createYard();
    await yard.call("create-training-config", {
      name: "Cats.v2",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const made = await client(yard, era);
    const { resources } = await made.listResources();
    const uri = "trainyard://configs/Cats.v2";
    const read = await made.readResource({ uri });
    const { data } = await yard.call("get-config", { name: "Cats.v2", detail: "full" });

    expect(resources.at(-1)).toMatchObject({ uri, title: "Cats.v2", mimeType: "application/yaml" });
    expect(read.contents).toMatchObject([{ uri, mimeType: "application/yaml" }]);
    expect(textOf(read)).toBe(data["yaml"]);
    expect(parse(textOf(read))).toEqual(data["config"]);
  });

  it("reads a job's report with the box off, as the export gives it", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);
    const jobId = await startedJob(yard);
    await sendRun(agent, jobId, { steps: 400 });
    await complete(agent, jobId, 400);
    await agent.close();
    const made = await client(yard, era);
    const { resources } = await made.listResources();
    const uri = `trainyard://jobs/${jobId}/report`;
    const read = await made.readResource({ uri });
    const exported = await yard.call("export-observability-report", {
      job_id: jobId,
      formats: ["markdown"],
    });
    const timeless = (text: string) => text.replace(/^- Generated: .*$/m, "");

    expect(resources.find((entry) => entry.uri === uri)).toMatchObject({
      name: `report-${jobId}`,
      title: "cats (completed)",
      mimeType: "text/markdown",
    });
    expect(timeless(textOf(read))).toBe(timeless(String(exported.data["files"][0].content)));
    expect(textOf(read)).toMatch(/^# Training report: /);
  });

  it.each([
    "trainyard://configs/nothing",
    `trainyard://jobs/job_${"0".repeat(26)}/report`,
    "trainyard://guides/cooking",
    "trainyard://configs/../../etc/passwd",
    "file:///etc/passwd",
    "nonsense",
    "",
  ])("is told by the protocol's error that there is no %j", async (uri) => {
    const made = await client(await createYard(), era);

    await expect(made.readResource({ uri })).rejects.toMatchObject({
      code: -32_602,
      data: { uri },
      message: expect.stringMatching(/^(?:RESOURCE|CONFIG|JOB)_NOT_FOUND: /) as string,
    });
  });

  it("pages through jobs and configs, each once, newest jobs first", async () => {
    const yard = await createYard();
    await connectAgent(yard);
    const jobs: string[] = [];
    for (let at = 0; at < 50; at += 1) jobs.unshift(await startedJob(yard, "a-run"));
    const names = Array.from({ length: 70 }, (_, at) => `c-${String(at).padStart(2, "0")}`);
    await withConfigs(yard, names);
    const made = await client(yard, era);
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await rpc(
        yard,
        "/mcp",
        "resources/list",
        cursor === undefined ? {} : { cursor },
      );
      const { resources, nextCursor } = page["result"] as {
        resources: { uri: string }[];
        nextCursor?: string;
      };
      pages.push(resources.map(({ uri }) => uri));
      cursor = nextCursor;
    } while (cursor !== undefined && pages.length < 10);

    expect(pages.map((page) => page.length)).toEqual([
      limits.resourcesPage,
      limits.resourcesPage,
      23,
    ]);
    expect(pages.flat()).toEqual([
      "trainyard://guides/training",
      "trainyard://guides/troubleshooting",
      ...jobs.map((id) => `trainyard://jobs/${id}/report`),
      "trainyard://configs/a-run",
      ...names.map((name) => `trainyard://configs/${name}`),
    ]);
    // The client follows the pages by itself.
    expect((await made.listResources()).resources.map(({ uri }) => uri)).toEqual(pages.flat());
  });

  it.each(["x", "jobs.1", "jobs.1.200", "configs.a/b", "__proto__", "jobs.1.2.3"])(
    "refuses the cursor %j",
    async (cursor) => {
      const yard = await createYard();
      const answer = await rpc(yard, "/mcp", "resources/list", { cursor });

      expect(answer["error"]).toMatchObject({
        code: -32_602,
        data: { code: "INVALID_ARGUMENT" },
      });
    },
  );
});

describe("resources", () => {
  it("list the newest job reports only up to their bound, then go on with configs", async () => {
    const yard = await createYard();
    await connectAgent(yard);
    for (let at = 0; at < 4; at += 1) await startedJob(yard, "run");
    const answer = await rpc(yard, "/mcp", "resources/list", {
      cursor: `jobs.5.${limits.reportsListed - 2}`,
    });
    const uris = (answer["result"] as { resources: { uri: string }[] }).resources.map(
      ({ uri }) => uri.split("/")[2],
    );

    expect(uris).toEqual(["jobs", "jobs", "configs"]);
  });

  it("of another owner do not exist", async () => {
    const mine = await createYard();
    await connectAgent(mine);
    const jobId = await startedJob(mine);
    const theirs = await client(await createYard(), eras[1][1], "/mcp", "admin");

    expect((await theirs.listResources()).resources).toHaveLength(2);
    for (const uri of ["trainyard://configs/cats", `trainyard://jobs/${jobId}/report`]) {
      await expect(theirs.readResource({ uri })).rejects.toMatchObject({ code: -32_602 });
    }
  });

  it("carry cache hints in the 2026-07-28 era, and none before", async () => {
    const yard = await createYard();
    await connectAgent(yard);
    const jobId = await startedJob(yard);
    const hint = async (method: string, params: Record<string, unknown>, name?: string) => {
      const modern = await rpc(
        yard,
        "/mcp",
        method,
        { _meta: modernMeta, ...params },
        modernHeaders(method, name),
      );
      const legacy = await rpc(yard, "/mcp", method, params);
      expect(legacy["result"]).toBeDefined();
      expect(legacy["result"]).not.toHaveProperty("ttlMs");
      expect(legacy["result"]).not.toHaveProperty("cacheScope");
      const { ttlMs, cacheScope, resultType } = modern["result"] as Record<string, unknown>;
      expect(resultType).toBe("complete");
      return [ttlMs, cacheScope];
    };
    const read = (uri: string) => hint("resources/read", { uri }, uri);

    expect(await hint("resources/list", {})).toEqual([10_000, "private"]);
    expect(await hint("resources/templates/list", {})).toEqual([300_000, "public"]);
    expect(await hint("prompts/list", {})).toEqual([300_000, "private"]);
    expect(await read("trainyard://guides/training")).toEqual([300_000, "public"]);
    expect(await read("trainyard://configs/cats")).toEqual([10_000, "private"]);
    expect(await read(`trainyard://jobs/${jobId}/report`)).toEqual([10_000, "private"]);
  });

  it("need a token", async () => {
    const yard = await createYard();
    const response = await yard.fetch("/mcp", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "resources/read",
        params: { uri: "trainyard://guides/training" },
      }),
    });

    expect(response.status).toBe(401);
  });
});
