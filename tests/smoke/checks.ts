import type { SmokeDoor } from "./doors.ts";

interface Check {
  readonly name: string;
  /** Says in a few words what was seen; throws what was wrong. */
  readonly run: (door: SmokeDoor, tag: string) => Promise<string>;
}

function expect(held: boolean, otherwise: string): void {
  if (!held) throw new Error(otherwise);
}

async function refused(
  door: SmokeDoor,
  tool: string,
  args: Readonly<Record<string, unknown>>,
  code: string,
): Promise<void> {
  const answer = await door.call(tool, args);
  expect(
    answer.code === code,
    `${tool} answered ${answer.code ?? "without a refusal"}, not ${code}`,
  );
}

async function done(door: SmokeDoor, tool: string, args: Readonly<Record<string, unknown>>) {
  const answer = await door.call(tool, args);
  expect(answer.code === null, `${tool} was refused: ${answer.code}`);
  return answer.data;
}

/** The earlier system's smoke: lists and calls over both paths, old names, alerts sent once, and what is wrong is refused. */
export const checks: readonly Check[] = [
  {
    name: "tools are listed",
    async run(door) {
      const names = await door.list();
      for (const name of ["list-agents", "run-training-with-guardrails", "alert-routing"]) {
        expect(names.includes(name), `${name} is not in the list`);
      }
      expect(!names.includes("route-alerts"), "an alias is listed");
      return `${names.length}`;
    },
  },
  {
    name: "a call reaches the box",
    async run(door) {
      const { agents } = await done(door, "list-agents", {});
      expect(agents[0]?.connectivity === "live", "no box is connected");
      return `${agents.length} connected`;
    },
  },
  {
    name: "a config is saved, read and checked",
    async run(door, tag) {
      const draft = { name: tag, model_name: "tiny", dataset_path: tag, steps: 50 };
      await done(door, "create-training-config", draft);
      expect((await done(door, "get-config", { name: tag }))["name"] === tag, "it is not there");
      const { errors } = await done(door, "validate-training-config", { config_name: tag });
      expect(errors.length > 0, "a dataset that is not there passed");
      return errors[0].code;
    },
  },
  {
    name: "old names are known",
    async run(door, tag) {
      await done(door, "list_agents", {});
      await done(door, "validate_config", { config_name: tag, check_dataset: false });
      await done(door, "validate-config", { config_name: tag, check_dataset: false });
      await refused(door, "export-report", { job_id: tag }, "JOB_NOT_FOUND");
      return "list_agents, validate-config, export-report";
    },
  },
  {
    name: "an alert is routed once, and a flood is bounded",
    async run(door, tag) {
      const alert = { severity: "critical", category: "smoke", code: "SMOKE", message: tag };
      const where = { sink: "file", destination: `${tag}.jsonl` };
      const first = await done(door, "route-alerts", { alerts: [alert], ...where });
      const again = await done(door, "alert-routing", { alerts: [alert], ...where });
      const flood = await done(door, "alert_routing", {
        alerts: Array.from({ length: 9 }, (_, n) => ({ ...alert, code: `FLOOD_${n}` })),
        sink: "file",
        destination: `${tag}-flood.jsonl`,
        max_alerts_per_window: 3,
      });
      const routed = [first, again, flood].map(({ routed_count: count }) => count);
      expect(routed.join() === "1,0,3", `routed ${routed.join()}, not 1,0,3`);
      expect(again["filter_stats"].dropped_duplicate === 1, "the repeat is not counted as one");
      return "1, then 0, then 3 of 9";
    },
  },
  {
    name: "what is wrong is refused by name",
    async run(door, tag) {
      await refused(door, "no-such-tool", {}, "TOOL_NOT_FOUND");
      await refused(door, "get-config", { name: tag, wat: 1 }, "UNKNOWN_KEY");
      await refused(door, "get-config", { name: "../etc" }, "INVALID_NAME");
      await refused(door, "start-training", { config_name: tag }, "DATASET_NOT_FOUND");
      return "unknown tool, unknown key, a path, a dataset that is not there";
    },
  },
];
