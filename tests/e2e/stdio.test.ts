import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Client as ModernClient } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernTransport } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { command, pictures, startTrainyard, until } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

interface Called {
  readonly isError: boolean;
  readonly structured: Record<string, any> | undefined;
  readonly text: string;
}

interface CallOptions {
  readonly progress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

interface StdioClient {
  readonly revision: string;
  readonly list: () => Promise<string[]>;
  readonly call: (name: string, args: object, options?: CallOptions) => Promise<Called>;
  readonly close: () => Promise<void>;
}

function read(result: Record<string, any>): Called {
  return {
    isError: result["isError"] === true,
    structured: result["structuredContent"],
    text: (result["content"] as { text?: string }[]).map((block) => block.text ?? "").join("\n"),
  };
}

const optionsOf = ({ progress, signal }: CallOptions = {}) => ({
  ...(progress ? { onprogress: (tick: { progress: number }) => progress(tick.progress) } : {}),
  ...(signal ? { signal } : {}),
});

/** How a client's config starts it, with the flags of `trainyard mcp`. */
const program = (args: readonly string[]) => ({
  command: process.execPath,
  args: [command, "mcp", ...args],
  stderr: "pipe" as const,
});

async function modern(args: readonly string[]): Promise<StdioClient> {
  const client = new ModernClient(
    { name: "modern", version: "1" },
    { versionNegotiation: { mode: "auto" } },
  );
  await client.connect(new ModernTransport(program(args)));
  return {
    revision: client.getNegotiatedProtocolVersion() ?? "",
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, options) =>
      read(await client.callTool({ name, arguments: { ...args } }, optionsOf(options))),
    close: () => client.close(),
  };
}

async function old(args: readonly string[]): Promise<StdioClient> {
  const client = new OldClient({ name: "old", version: "1" });
  const transport = new OldTransport(program(args));
  let revision = "";
  // The client tells its transport what was agreed, where the transport wants to know.
  Object.assign(transport, { setProtocolVersion: (version: string) => (revision = version) });
  await client.connect(transport);
  return {
    revision,
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, options) =>
      read(await client.callTool({ name, arguments: { ...args } }, undefined, optionsOf(options))),
    close: () => client.close(),
  };
}

describe("trainyard mcp, with the official stdio clients", () => {
  let trainyard: Trainyard;
  let tokenFile: string;
  beforeAll(async () => {
    trainyard = await startTrainyard({ env: { TRAINYARD_TINY_PIXELS: "64" } });
    tokenFile = join(trainyard.home, "token-of-the-test");
    writeFileSync(tokenFile, `${trainyard.ready.token}\n`);
    await trainyard.upload("shapes", await pictures(20));
  });
  afterAll(() => trainyard.close());

  const eras = [
    ["2026-07-28", modern],
    ["2025-11-25", old],
  ] as const;

  describe.each(eras)("of the revision %s", (revision, connect) => {
    it("connect, see the tools that the URL chooses, and are told what was wrong", async () => {
      const client = await connect([
        "--url",
        `${trainyard.ready.url}/mcp/core`,
        "--token-file",
        tokenFile,
      ]);
      const names = await client.list();
      const missing = await client.call("get-training-status", {
        job_id: "job_00000000000000000000000000",
      });
      await client.close();

      expect(client.revision).toBe(revision);
      expect(names).toContain("run-training-with-guardrails");
      expect(names).not.toContain("download-model");
      expect([missing.isError, missing.text]).toEqual([
        true,
        expect.stringContaining("JOB_NOT_FOUND"),
      ]);
    });

    it("train, with rising progress, and may turn away from a wait without ending the job", async () => {
      const client = await connect(["--home", trainyard.home]);
      const name = `stdio-${revision}`;
      const config = await client.call("create-training-config", {
        name,
        model_name: "tiny",
        dataset_path: "shapes",
        steps: 400,
        test_prompts: ["shape 1 on 20"],
      });
      expect([config.isError, config.text]).toEqual([false, expect.any(String)]);

      const turnedAway = new AbortController();
      const first = client.call(
        "run-training-with-guardrails",
        { config_name: name, monitor_seconds: 40, poll_interval_seconds: 2 },
        { progress: () => turnedAway.abort(), signal: turnedAway.signal },
      );
      await expect(first).rejects.toThrow();

      const ticks: number[] = [];
      const jobs = await client.call("list-training-jobs", {});
      const job = jobs.structured?.["jobs"].find((one: any) => one.job_name === name);
      const watched = await client.call(
        "watch-training-timeseries",
        { job_id: job.job_id, duration_seconds: 40, poll_interval_seconds: 2 },
        { progress: (done) => ticks.push(done) },
      );
      expect([watched.isError, watched.text]).toEqual([false, expect.any(String)]);
      const status = await until("the end of the job", async () => {
        const answer = await client.call("get-training-status", { job_id: job.job_id });
        return answer.structured?.["status"] === "completed" ? answer : null;
      });
      await client.close();

      expect(status.structured).toMatchObject({ current_step: 400, model: { verified: true } });
      expect(ticks.length).toBeGreaterThan(0);
      expect([...new Set(ticks)].sort((a, b) => a - b)).toEqual(ticks);
    });

    it("are refused with a wrong token, and served once its file is corrected", async () => {
      const path = join(trainyard.home, `token-${revision}`);
      writeFileSync(path, "wrong");
      const args = ["--url", trainyard.ready.url, "--token-file", path];
      await expect(connect(args)).rejects.toThrow(
        /AUTH_INVALID: This token is not known here\. Check/,
      );

      writeFileSync(path, trainyard.ready.token);
      const client = await connect(args);
      writeFileSync(path, "wrong");
      await expect(client.call("list-agents", {})).rejects.toThrow("AUTH_INVALID");
      writeFileSync(path, trainyard.ready.token);
      const agents = await client.call("list-agents", {});
      await client.close();

      expect(agents.structured?.["count"]).toBe(1);
    });
  });

  it("survive a Trainyard that is killed and comes back on another port", async () => {
    const impatient = await modern(["--home", trainyard.home, "--wait-seconds", "0"]);
    const patient = await old(["--home", trainyard.home, "--wait-seconds", "30"]);
    const before = trainyard.ready.url;
    await trainyard.endUp("SIGKILL");

    await expect(impatient.call("list-agents", {})).rejects.toThrow("CONTROL_PLANE_UNREACHABLE");
    const waiting = patient.call("list-agents", {});
    await trainyard.startUp();

    expect(trainyard.ready.url).not.toBe(before);
    expect((await waiting).isError).toBe(false);
    expect((await impatient.call("list-agents", {})).structured?.["count"]).toBe(1);
    await Promise.all([impatient.close(), patient.close()]);
  });

  it("find pure protocol on standard output, and every answer that is due before the end", async () => {
    const child = spawn(process.execPath, [command, "mcp", "--home", trainyard.home]);
    const exited = once(child, "exit");
    const output = text(child.stdout);
    const errors = text(child.stderr);
    child.stdin.end(
      [
        "not json",
        '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
        '{"jsonrpc":"2.0","id":2,"method":"no/such"}',
        '{"jsonrpc":"2.0","id":"3","method":"ping"}',
      ].join("\n"),
    );

    expect(await exited).toEqual([0, null]);
    const answers = (await output)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, any>);
    expect(answers).toHaveLength(4);
    expect(new Set(answers.map((one) => one["id"]))).toEqual(new Set([1, 2, "3", null]));
    expect(answers.every((one) => one["jsonrpc"] === "2.0")).toBe(true);
    expect(answers.find((one) => one["id"] === 2)?.["error"].code).toBe(-32_601);
    expect(await errors).toBe("");
  });

  it("are told when nothing runs, and when the command line is wrong", async () => {
    const empty = join(trainyard.home, "empty-home");
    await expect(modern(["--home", empty, "--wait-seconds", "0"])).rejects.toThrow(
      /No Trainyard runs with this home\. Start it with: trainyard up\./,
    );
    rmSync(empty, { recursive: true, force: true });
    const child = spawn(process.execPath, [command, "mcp", "--url", "trainyard.example"]);
    const errors = text(child.stderr);

    expect(await once(child, "exit")).toEqual([2, null]);
    expect(await errors).toContain("It looks like https://");
  });
});
