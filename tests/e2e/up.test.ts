import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemProcesses } from "../../gpu-agent/jobs/process-identity.ts";
import { command, pictures, startTrainyard, until, untilEnded } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

const opened: Trainyard[] = [];
async function open(env: Record<string, string> = {}): Promise<Trainyard> {
  const trainyard = await startTrainyard({ env });
  opened.push(trainyard);
  return trainyard;
}
afterEach(async () => {
  for (const trainyard of opened.splice(0)) await trainyard.close();
});

const isGone = (pid: number): boolean => systemProcesses().startTicks(pid) === null;

describe("trainyard up", () => {
  it("tells what is needed, is locked to its home, and runs beside another home", async () => {
    const first = await open();
    expect(first.ready).toMatchObject({
      mcp_url: `${first.ready.url}/mcp`,
      token: expect.stringMatching(/^ty_/),
      agent_id: expect.stringMatching(/^agent_/),
    });
    for (const pid of Object.values(first.ready.pids)) expect(isGone(pid)).toBe(false);
    expect(readFileSync(`/proc/${first.ready.pids.control_plane}/comm`, "utf8").trim()).toBe(
      "workerd",
    );

    const again = spawnSync(
      process.execPath,
      [command, "up", "--json", "--port", "0", "--home", first.home],
      {
        encoding: "utf8",
      },
    );
    expect(again.status).toBe(1);
    expect(again.stderr).toContain("already up with this home");
    expect(again.stderr).toContain(String(first.ready.pids.up));

    const second = await open();
    expect(second.ready.agent_id).not.toBe(first.ready.agent_id);
    expect((await second.call("list-agents")).data["count"]).toBe(1);
  });

  it("says so when the port is taken", async () => {
    const first = await open();
    const taken = spawnSync(
      process.execPath,
      [command, "up", "--port", new URL(first.ready.url).port, "--home", join(first.home, "other")],
      { encoding: "utf8" },
    );

    expect([taken.status, taken.stderr]).toEqual([
      1,
      expect.stringContaining("taken by another program"),
    ]);
  });

  it("keeps secrets to its owner, and the read token only reads", async () => {
    const trainyard = await open();
    const secrets = join(trainyard.home, "control-plane", "secrets.json");
    const key = join(trainyard.home, "agent", "identity.json");
    expect([statSync(secrets).mode & 0o777, statSync(key).mode & 0o777]).toEqual([0o600, 0o600]);
    const { readToken } = JSON.parse(readFileSync(secrets, "utf8")) as { readToken: string };
    trainyard.ready = { ...trainyard.ready, token: readToken };

    expect((await trainyard.call("list-agents")).status).toBe(200);
    const refused = await trainyard.call("create-training-config", {
      name: "x",
      model_name: "tiny",
      dataset_path: "y",
    });
    expect([refused.status, refused.error?.code]).toEqual([403, "INSUFFICIENT_SCOPE"]);
  });

  it("ends everything of its own on a signal, and starts agent and workerd again when they die", async () => {
    const trainyard = await open();
    const before = trainyard.pids();
    process.kill(before.agent, "SIGKILL");
    process.kill(before.control_plane, "SIGKILL");
    await until(
      "both are back",
      async () => {
        const now = trainyard.pids();
        const agents = (await trainyard.call("list-agents")).data["agents"] as {
          connectivity: string;
        }[];
        return (
          now.agent !== before.agent &&
          now.control_plane !== before.control_plane &&
          agents[0]?.connectivity === "live"
        );
      },
      20_000,
    );

    const after = trainyard.pids();
    await trainyard.endUp("SIGINT");
    await until("all are gone", async () => Object.values(after).every(isGone), 5_000);
  });

  it("a training survives the end of everything, and the next start finds it", async () => {
    const trainyard = await open({
      TRAINYARD_TINY_PIXELS: "64",
      TRAINYARD_TINY_STEP_DELAY_MS: "40",
    });
    await trainyard.upload("long", await pictures(5));
    await trainyard.call("create-training-config", {
      name: "long",
      model_name: "tiny",
      dataset_path: "long",
      steps: 120,
      disable_sampling: true,
    });
    const started = await trainyard.call("start-training", { config_name: "long" });
    const jobId = String(started.data["job_id"]);
    const pid = await until("the process", async () => {
      const now = await trainyard.call("get-training-status", { job_id: jobId, detail: "full" });
      return (now.data["process"] as { pid: number } | null)?.pid;
    });
    await trainyard.endUp("SIGTERM");
    expect(isGone(pid)).toBe(false);
    await trainyard.startUp();

    const ended = await untilEnded(trainyard, jobId);
    expect(ended).toMatchObject({ status: "completed", current_step: 120 });
    const datasets = await trainyard.call("list-datasets");
    expect(
      (datasets.data["datasets"] as { name: string }[]).map((dataset) => dataset.name),
    ).toEqual(["long"]);
  });

  it("an agent whose parent was killed ends by itself", async () => {
    const trainyard = await open();
    const { agent, control_plane: workerd } = trainyard.pids();
    await trainyard.endUp("SIGKILL");

    await until("both are gone", async () => isGone(agent) && isGone(workerd), 5_000);
  });
});
