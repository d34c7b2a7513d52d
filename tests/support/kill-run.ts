import fc from "fast-check";
import { expect } from "vitest";
import { livenessOf, systemProcesses } from "../../gpu-agent/jobs/process-identity.ts";
import { pictures, readSeries, readTruth, startTrainyard, until, untilEnded } from "./trainyard.ts";

type Victim = "agent" | "workerd" | "up";

export interface KillPlan {
  readonly seed: number;
  readonly kills: readonly { readonly victim: Victim; readonly afterMs: number }[];
}

/** Victims in turn, so that each gets its share; moments at random. */
export function planKills(seed: number, count: number, withinMs: number): KillPlan {
  const [moments] = fc.sample(
    fc.array(fc.noBias(fc.integer({ min: 0, max: withinMs })), {
      minLength: count,
      maxLength: count,
    }),
    {
      seed,
      numRuns: 1,
    },
  );
  const victims: Victim[] = ["agent", "workerd", "up"];
  return {
    seed,
    kills: (moments ?? []).map((afterMs, i) => ({
      victim: victims[(i + seed) % 3] as Victim,
      afterMs,
    })),
  };
}

/**
 * One training; `kill -9` at every point of the plan, each followed by recovery. The training process must be the same one
 * all the way, and the job's series must be what the trainer itself wrote down: every step once.
 */
export async function runKillPlan(
  plan: KillPlan,
  options: { steps: number; stepDelayMs: number },
): Promise<void> {
  console.log(
    `kill plan, seed ${plan.seed}: ${plan.kills.map((kill) => `${kill.victim}+${kill.afterMs}`).join(" ")}`,
  );
  const trainyard = await startTrainyard({
    env: { TRAINYARD_TINY_STEP_DELAY_MS: String(options.stepDelayMs), TRAINYARD_TINY_PIXELS: "64" },
  });
  try {
    await trainyard.upload("kills", await pictures(plan.seed % 360));
    const created = await trainyard.call("create-training-config", {
      name: "kills",
      model_name: "tiny",
      dataset_path: "kills",
      steps: options.steps,
      test_prompts: ["one"],
    });
    expect(created.error).toBeNull();
    const started = await trainyard.call("start-training", { config_name: "kills" });
    expect(started.error).toBeNull();
    const jobId = String(started.data["job_id"]);
    const first = await until("the training process", async () => processOf(await status(jobId)));

    for (const kill of plan.kills) {
      await new Promise((resolve) => setTimeout(resolve, kill.afterMs));
      // A kill after the training's end would prove nothing.
      expect(livenessOf(systemProcesses(), first, first.bootId)).toBe("alive");
      await strike(kill.victim);
      const again = await until(
        "recovery",
        async () => {
          const now = await status(jobId);
          return now["connectivity"] === "live" ? processOf(now) : null;
        },
        20_000,
      );
      expect(again).toEqual(first);
    }

    const ended = await untilEnded(trainyard, jobId);
    expect(ended["status"]).toBe("completed");
    const truth = readTruth(trainyard.home, jobId);
    expect(truth.length).toBe(options.steps);
    await until(
      "the whole series",
      async () => (await readSeries(trainyard, jobId)).length >= truth.length,
      20_000,
    );
    expect(await readSeries(trainyard, jobId)).toEqual(truth);
    expect(ended["gap_count"] ?? 0).toBe(0);
  } finally {
    await trainyard.close();
  }

  async function status(jobId: string): Promise<Record<string, any>> {
    return (await trainyard.call("get-training-status", { job_id: jobId, detail: "full" })).data;
  }

  function processOf(
    data: Record<string, any>,
  ): { pid: number; startTicks: string; bootId: string } | null {
    const found = data["process"] as
      | { pid: number; start_ticks: string; boot_id: string }
      | null
      | undefined;
    return found ? { pid: found.pid, startTicks: found.start_ticks, bootId: found.boot_id } : null;
  }

  async function strike(victim: Victim): Promise<void> {
    const pids = trainyard.pids();
    if (victim === "up") {
      await trainyard.endUp("SIGKILL");
      await trainyard.startUp();
      return;
    }
    process.kill(victim === "agent" ? pids.agent : pids.control_plane, "SIGKILL");
  }
}
