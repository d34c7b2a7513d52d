import { operations } from "@trainyard/shared/protocol/operations.ts";
import type { OperationName } from "@trainyard/shared/protocol/operations.ts";
import { findTool, tools } from "@trainyard/shared/tools/registry.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { sampleOf } from "../../support/sample-of.ts";
import { complete, sendRun, startedJob } from "../support/judged-jobs.ts";
import {
  endingScript,
  evaluationRecord,
  llmCapabilities,
  runScript,
} from "../support/language-run.ts";
import { connectAgent, fileScript } from "../support/scripted-agent.ts";
import type { Script } from "../support/scripted-agent.ts";
import { draft, union } from "../support/union-calls.ts";
import type { Filled, Union } from "../support/union-calls.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const names = Object.keys(union);
const spellings = (name: string) => [name, name.replaceAll("-", "_")];

describe("the union's names", () => {
  it("are 39, and all are known in both spellings", () => {
    const unknown = names.filter((name) => spellings(name).some((one) => findTool(one) === null));

    expect(names).toHaveLength(39);
    expect(unknown).toEqual([]);
  });
});

/** Whatever of a box is not scripted is answered by the least that its schema takes; `run` is the one run that it has. */
function anything(yard: Yard, run: string): Script {
  const files = fileScript(yard);
  const sampled = Object.fromEntries(
    (Object.keys(operations) as OperationName[]).map((name) => [
      name,
      () => sampleOf(operations[name].value),
    ]),
  );
  const answer = ({ tool }: { tool: string }) => {
    const contract = findTool(tool);
    if (contract === null) throw new Error(`no tool ${tool}`);
    return { data: sampleOf(contract.output) as Record<string, unknown>, text: "x" };
  };
  const healthy = ["start-attempt", "stop-attempt", "preflight"];
  return {
    ...(Object.fromEntries(
      Object.entries(sampled).filter(([name]) => !healthy.includes(name)),
    ) as Script),
    ...files,
    ...runScript(run, [1]),
    ...endingScript("completed", evaluationRecord),
    tool: answer,
    "change-tool": answer,
  };
}

const agentTools = tools.filter(({ runsOn }) => runsOn === "agent").map(({ name }) => name);
// Enough for every job that a call leaves running: no job waits for another.
const slots = Array.from({ length: 32 }, (_, gpu) => `gpu:${gpu}`);
const capabilities = { ...llmCapabilities, slots, tools: agentTools };

describe("on an empty box", () => {
  let never: Yard;
  let connected: Yard;
  beforeAll(async () => {
    never = await createYard();
    connected = await createYard();
    await connectAgent(connected, anything(connected, "another"), { capabilities });
  });

  it.each(names.flatMap(spellings))(
    "[W24] %s is an answer, or a refusal with its own code",
    async (name) => {
      const { calls, empty = [] } = union[name.replaceAll("_", "-")] as Union;
      const [args] = calls({ job: "job_none", other: "job_none" });
      for (const yard of [never, connected]) {
        const answer = await yard.call(name, args);

        // yard.call parses each success by the tool's output schema.
        if (answer.status === 200) continue;
        expect(empty).toContain(answer.error?.code);
        expect(answer.error?.hint).toBeTruthy();
      }
    },
  );
});

describe("on a filled box", () => {
  const filled: { yard: Yard; box: Filled } = {
    yard: undefined as unknown as Yard,
    box: { job: "", other: "" },
  };
  beforeAll(async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, anything(yard, "r"), { capabilities });
    await yard.call("create-training-config", { ...draft, name: "spare" });
    const job = await startedJob(yard);
    agent.files.set("cats/cats.safetensors", new Uint8Array(64));
    await sendRun(agent, job, { steps: 1_000 });
    await complete(agent, job, 1_000);
    filled.yard = yard;
    filled.box = { job, other: await startedJob(yard) };
  });

  it.each(names.flatMap(spellings))("%s answers every documented call", async (name) => {
    const { calls } = union[name.replaceAll("_", "-")] as Union;
    for (const args of calls(filled.box)) {
      const answer = await filled.yard.call(name, args);

      expect([name, args, answer.error]).toEqual([name, args, null]);
    }
  });

  it("has no tool of the box that the union test does not know how to answer for", () => {
    for (const name of agentTools) {
      const contract = findTool(name);
      expect(contract?.output.safeParse(sampleOf(contract.output)).success).toBe(true);
    }
  });
});
