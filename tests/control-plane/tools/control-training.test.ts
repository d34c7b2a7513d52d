import type { Item } from "@trainyard/shared/protocol/items.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { describe, expect, it } from "vitest";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";

/** A running job whose box answers so, and then writes what is given. */
async function running(
  outcome: OperationValue<"ask-trainer">["outcome"],
  written: readonly Item[] = [],
) {
  const yard = await createYard();
  let jobId = "";
  const agent = await connectAgent(yard, {
    "ask-trainer": (_args, box) => {
      for (const item of written) {
        void box.events(jobId, [item], { state: "running", phase: "training", currentStep: 8 });
      }
      return { outcome };
    },
  });
  await yard.call("create-training-config", {
    name: "cats",
    model_name: "tiny",
    dataset_path: "cats",
    steps: 100,
  });
  jobId = String((await yard.call("start-training", { config_name: "cats" })).data["job_id"]);
  await agent.events(
    jobId,
    [{ kind: "state", atMs: 1, state: "running", startStep: 0 }, checkpoint(3), sample(0, 0)],
    { state: "running", phase: "training", currentStep: 7 },
  );
  const ask = (action: string, more: object = {}) =>
    yard.call("control-training", { job_id: jobId, action, ...more });
  return { yard, agent, jobId, ask };
}

const checkpoint = (step: number): Item => ({
  kind: "checkpoint",
  atMs: step,
  step,
  path: `outputs/cats/cats_${step}.safetensors`,
  bytes: 100,
  valid: true,
  final: false,
});
const sample = (step: number, index: number): Item => ({
  kind: "sample",
  atMs: step,
  step,
  index,
  path: `outputs/cats/samples/1__${step}_${index}.png`,
  bytes: 100,
});

describe("control-training", () => {
  it("waits for the checkpoint that it asked for", async () => {
    const { agent, jobId, ask } = await running("asked", [checkpoint(8)]);
    const { data, text } = await ask("save");

    expect(agent.argsOf("ask-trainer")).toEqual([{ jobId, attempt: 1, what: "save" }]);
    expect(data).toMatchObject({
      success: true,
      done: true,
      step: 8,
      paths: ["outputs/cats/cats_8.safetensors"],
    });
    expect(text).toContain("The checkpoint at step 8 is written; the training goes on.");
  });

  it("names all pictures of the step, and not those that were there", async () => {
    const { ask, jobId } = await running("asked", [sample(8, 0), sample(8, 1)]);
    const { data } = await ask("sample");

    expect(data).toMatchObject({
      done: true,
      step: 8,
      paths: ["outputs/cats/samples/1__8_0.png", "outputs/cats/samples/1__8_1.png"],
      next: `get-training-samples with job_id ${jobId}`,
    });
  });

  it("says that it is on its way when the time is over", async () => {
    const { ask } = await running("asked");
    const { data, text } = await ask("save", { wait_seconds: 0 });

    expect(data).toMatchObject({ success: true, done: false, step: null, paths: [] });
    expect(text).toContain("writes it behind its next step");
  });

  it.each([
    ["not-running", "JOB_NOT_RUNNING"],
    ["not-listening", "JOB_NOT_RUNNING"],
    ["cannot", "NOT_SUPPORTED"],
  ] as const)("answers %s with %s", async (outcome, code) => {
    const { ask } = await running(outcome);
    expect((await ask("sample")).error).toMatchObject({ code, hint: expect.any(String) });
  });

  it("takes no other action", async () => {
    const { ask } = await running("asked");
    expect((await ask("explode")).error?.code).toBe("INVALID_ARGUMENT");
  });
});
