import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import type { ScriptedAgent } from "./scripted-agent.ts";
import type { Yard } from "./yard.ts";

const beganAtMs = 1_790_000_000_000;

/** A job that the box was given and that has not said anything. */
export async function startedJob(yard: Yard, name = "cats", steps = 2_000): Promise<string> {
  await yard.call("create-training-config", {
    name,
    model_name: "runwayml/stable-diffusion-v1-5",
    dataset_path: "cats",
    steps,
    overwrite: true,
  });
  const started = await yard.call("start-training", {
    config_name: name,
    force_new: true,
  });
  if (started.error !== null) throw new Error(JSON.stringify(started.error));
  return String(started.data["job_id"]);
}

const running: Item = { kind: "state", atMs: beganAtMs, state: "running", startStep: 0 };

interface Run {
  readonly steps: number;
  readonly loss?: (step: number) => number | "NaN";
  /** Steps per second of the bar. */
  readonly speed?: number;
  readonly total?: number;
}

/** A loss that falls by half over 2,000 steps, with scatter that is the same in every run of the test. */
export function fallingLoss(step: number): number {
  const scatter = Math.sin(step * 12.9898) * 0.2;
  return 0.4 * Math.exp(-step / 2_900) * Math.exp(scatter);
}

/** The run's points as a box sends them: some frames, each with the newest head. */
export async function sendRun(agent: ScriptedAgent, jobId: string, run: Run): Promise<void> {
  const { speed = 0.5, total = run.steps, loss = fallingLoss } = run;
  await agent.events(jobId, [running], { phase: "loading", currentStep: 0, totalSteps: total });
  const size = Math.max(1, Math.min(250, Math.ceil(run.steps / 20)));
  for (let from = 0; from < run.steps; from += size) {
    const steps = Array.from({ length: Math.min(size, run.steps - from) }, (_, i) => from + i);
    const atMs = steps.map((step) => beganAtMs + Math.round((step * 1_000) / speed));
    await agent.events(
      jobId,
      [{ kind: "metrics", steps, atMs, values: { loss: steps.map(loss) } }],
      {
        phase: "training",
        currentStep: from + steps.length,
        totalSteps: total,
        stepsPerSecond: speed,
        observedAtMs: atMs.at(-1) as number,
      },
    );
  }
}

async function endRun(
  agent: ScriptedAgent,
  jobId: string,
  end: Extract<Item, { kind: "state" }>,
  head: Partial<Head>,
  before: readonly Item[] = [],
): Promise<void> {
  await agent.events(jobId, [...before, end], { state: end.state, ...head });
}

export async function complete(agent: ScriptedAgent, jobId: string, steps: number): Promise<void> {
  await endRun(
    agent,
    jobId,
    { kind: "state", atMs: beganAtMs + 5e6, state: "completed", evidence: { exit_code: 0 } },
    { currentStep: steps, totalSteps: steps },
    [
      {
        kind: "artifact",
        atMs: beganAtMs + 5e6,
        name: "cats.safetensors",
        path: "outputs/cats/cats.safetensors",
        bytes: 1_234,
        sha256: "a".repeat(64),
        step: steps,
      },
    ],
  );
}

export async function fail(agent: ScriptedAgent, jobId: string, step: number): Promise<void> {
  await endRun(
    agent,
    jobId,
    {
      kind: "state",
      atMs: beganAtMs + 5e6,
      state: "failed",
      failure: {
        code: "TRAINER_ERROR",
        message: "The trainer ended with exit code 1.",
        fix: "Read evidence.error_line.",
      },
      evidence: { exit_code: 1, error_line: "ValueError: <script>alert(1)</script>" },
    },
    { currentStep: step, totalSteps: 2_000 },
  );
}

export async function nanAlert(agent: ScriptedAgent, jobId: string): Promise<void> {
  await agent.events(
    jobId,
    [
      {
        kind: "alert",
        atMs: beganAtMs + 1e6,
        step: 190,
        code: "TRAINING_NAN_LOSS",
        severity: "critical",
        category: "quality",
        message: "The loss is not a number in 3 steps.",
        evidence: { nan_steps: 3 },
        guardrail: true,
      },
    ],
    { phase: "training", currentStep: 200, totalSteps: 2_000, stepsPerSecond: 0.5 },
  );
}
