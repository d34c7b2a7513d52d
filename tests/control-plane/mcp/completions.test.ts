import type { CompleteRequestParams } from "@modelcontextprotocol/client";
import { limits } from "@trainyard/shared/limits.ts";
import { describe, expect, it } from "vitest";
import { unwrap } from "../../../control-plane/outcome.ts";
import { hubOf } from "../../../control-plane/stubs.ts";
import { startedJob } from "../support/judged-jobs.ts";
import { connectClient, eras } from "../support/mcp-client.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import type { Script } from "../support/scripted-agent.ts";
import { createYard, rpc } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const prompt = (name: string) => ({ type: "ref/prompt" as const, name });
const template = (uri: string) => ({ type: "ref/resource" as const, uri });
const configs = template("trainyard://configs/{name}");
const reports = template("trainyard://jobs/{job_id}/report");

async function completed(
  yard: Yard,
  ref: CompleteRequestParams["ref"],
  name: string,
  value: string,
  earlier?: Record<string, string>,
): Promise<{ values: string[]; total: number; hasMore: boolean }> {
  const answer = await rpc(yard, "/mcp", "completion/complete", {
    ref,
    argument: { name, value },
    ...(earlier === undefined ? {} : { context: { arguments: earlier } }),
  });
  return (answer["result"] as { completion: { values: string[]; total: number; hasMore: boolean } })
    .completion;
}

const datasets: Script = {
  tool: () => ({
    data: {
      datasets: ["cats", "Castles", "dogs"].map((name) => ({
        name,
        path: `datasets/${name}`,
        image_count: 1,
        caption_count: 1,
        captions_complete: true,
        total_size_bytes: 1,
      })),
      count: 3,
      truncated: false,
    },
    text: "3 datasets.",
  }),
};

describe.each(eras)("a client of the era %s", (_name, era) => {
  it("completes the arguments of prompts and the variables of templates", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, datasets);
    const jobId = await startedJob(yard, "cats");
    const made = await connectClient(yard, era, "/mcp/readonly", "read");
    const values = async (ref: CompleteRequestParams["ref"], name: string, value: string) =>
      (await made.complete({ ref, argument: { name, value } })).completion.values;

    expect(await values(prompt("why_did_it_fail"), "job_id", "job_")).toEqual([jobId]);
    expect(await values(prompt("catch_me_up"), "agent", "work")).toEqual([agent.agentId]);
    expect(await values(prompt("catch_me_up"), "hours", "2")).toEqual([]);
    expect(await values(configs, "name", "c")).toEqual(["cats"]);
    expect(await values(reports, "job_id", "")).toEqual([jobId]);
    await made.close();
    const training = await connectClient(yard, era, "/mcp", "train");
    const { completion } = await training.complete({
      ref: prompt("train_style"),
      argument: { name: "dataset", value: "CA" },
    });
    await training.close();

    expect(completion).toEqual({ values: ["cats", "Castles"], total: 2, hasMore: false });
  });
});

describe("completion", () => {
  it("finds a job by its id and by its name, newest first", async () => {
    const yard = await createYard();
    await connectAgent(yard);
    const older = await startedJob(yard, "cats");
    const newer = await startedJob(yard, "cats");
    const other = await startedJob(yard, "dogs");

    expect((await completed(yard, reports, "job_id", "CAT")).values).toEqual([newer, older]);
    expect((await completed(yard, reports, "job_id", other.slice(0, 12))).values).toEqual([other]);
    expect(await completed(yard, reports, "job_id", "mice")).toEqual({
      values: [],
      total: 0,
      hasMore: false,
    });
  });

  it("is bounded, and says how many there are", async () => {
    const yard = await createYard();
    const hub = hubOf(yard.env, yard.owner);
    for (let at = 0; at < 105; at += 1) {
      const name = `Run-${String(at).padStart(3, "0")}`;
      const config = { name, document: { at }, facts: {}, updatedAtMs: 1 };
      unwrap(await hub.configs("put", { config, overwrite: false }));
    }
    const all = await completed(yard, configs, "name", "run");

    expect([all.values.length, all.total, all.hasMore]).toEqual([
      limits.completionValues,
      105,
      true,
    ]);
    expect((await completed(yard, configs, "name", "RUN-10")).values).toEqual([
      "Run-100",
      "Run-101",
      "Run-102",
      "Run-103",
      "Run-104",
    ]);
    expect((await completed(yard, configs, "name", "run%")).values).toEqual([]);
    expect((await completed(yard, configs, "name", "x".repeat(5_000))).values).toEqual([]);
  });

  it("asks the box that was chosen, once for many keys", async () => {
    const yard = await createYard({ agents: 2 });
    await connectAgent(yard, {}, { at: 0 });
    const second = await connectAgent(yard, datasets, { at: 1 });
    const earlier = { agent: second.agentId };

    expect((await completed(yard, prompt("train_style"), "dataset", "")).values).toEqual([]);
    for (const typed of ["d", "do", "dog"]) {
      const { values } = await completed(yard, prompt("train_style"), "dataset", typed, earlier);
      expect(values).toEqual(["dogs"]);
    }
    expect(second.argsOf("tool")).toHaveLength(1);
  });

  it("suggests nothing without a box, and what it said last when it is off", async () => {
    const never = await createYard();
    expect((await completed(never, prompt("train_style"), "dataset", "")).values).toEqual([]);

    const yard = await createYard();
    const agent = await connectAgent(yard, datasets);
    await yard.call("list-datasets", { detail: "full" });
    await agent.close();
    expect((await completed(yard, prompt("train_style"), "dataset", "do")).values).toEqual([
      "dogs",
    ]);
  });

  it.each([
    [prompt("train_hamster"), "dataset", "PROMPT_NOT_FOUND"],
    [template("trainyard://jobs/{id}"), "id", "RESOURCE_NOT_FOUND"],
  ])("refuses %j", async (ref, name, code) => {
    const yard = await createYard();
    const answer = await rpc(yard, "/mcp", "completion/complete", {
      ref,
      argument: { name, value: "" },
    });

    expect(answer["error"]).toMatchObject({ code: -32_602, data: { code } });
  });

  it.each([
    [prompt("train_style"), "constructor"],
    [configs, "__proto__"],
    [template("trainyard://guides/training"), "anything"],
  ])("has nothing for %j %s", async (ref, name) => {
    expect((await completed(await createYard(), ref, name, "")).values).toEqual([]);
  });
});
