import { limits } from "@trainyard/shared/limits.ts";
import { foldName } from "@trainyard/shared/names.ts";
import type { ToolOutput } from "@trainyard/shared/tools/registry.ts";
import type { StoredConfig } from "../hub/config-shelf.ts";
import { unwrap } from "../outcome.ts";
import { boxConfigs } from "./box-configs.ts";
import type { PlacedRow } from "./box-configs.ts";
import { readFacts } from "./config-facts.ts";
import type { EdgeHandler } from "./context.ts";
import { iso, plural } from "./words.ts";

type Row = NonNullable<ToolOutput<"list-configs">["items"]>[number];

export const listConfigs: EdgeHandler<"list-configs"> = async (input, context) => {
  const [saved, onBoxes] = await Promise.all([
    context.hub.configs("list", null).then(unwrap),
    boxConfigs(undefined, context),
  ]);
  const rows = [...saved.map(savedRow), ...onBoxes.rows.map(boxRow)].toSorted(byName);
  // A file of the box is listed beside a saved config of its name; the name alone means the saved one.
  const names = [...new Map(rows.map(({ name }) => [foldName(name), name])).values()];
  if (names.length === 0) {
    return {
      data: { configs: [], count: 0 },
      text: "There is no config. Next: create-training-config.",
    };
  }
  const boxes = onBoxes.rows.length === 0 ? "" : `, ${onBoxes.rows.length} of them files of a box`;
  const next =
    "Next: get-config with a name, or run-training-with-guardrails with it as config_name.";
  if (context.detail(input.detail) === "concise") {
    const shown = fitting(names, limits.conciseCharacters - 500);
    const cut = shown.length < names.length || onBoxes.more;
    return {
      data: { configs: shown, count: names.length, ...(cut ? { truncated: true } : {}) },
      text: `${plural(names.length, "config")}${boxes}${shown.length < names.length ? `; the first ${shown.length} by name, detail full has the others` : ""}. ${next}`,
    };
  }
  return {
    data: { configs: names, items: rows, count: names.length, truncated: onBoxes.more },
    text: `${plural(names.length, "config")}${boxes}. ${next}`,
  };
};

function savedRow(config: StoredConfig): Row {
  const facts = readFacts(config.facts);
  return {
    name: config.name,
    trainer: facts.trainer,
    model: facts.model,
    dataset_path: facts.datasetPath,
    steps: facts.steps,
    updated_at: iso(config.updatedAtMs),
    origin: "edge",
    path: `config/${config.name}.yaml`,
  };
}

function boxRow({ box, ...row }: PlacedRow): Row {
  return {
    name: row.name,
    trainer: row.trainer,
    model: row.model,
    dataset_path: row.datasetPath,
    steps: row.steps !== null && row.steps >= 0 ? row.steps : null,
    updated_at: iso(row.modifiedAtMs),
    origin: row.origin,
    path: row.path,
    agent_id: box.agentId,
    observed_at: iso(box.observedAtMs),
    connectivity: box.connectivity,
    ...(row.problem === null ? {} : { problem: row.problem }),
  };
}

/** Saved ones before files of the same name. */
function byName(a: Row, b: Row): number {
  const [one, other] = [foldName(a.name), foldName(b.name)];
  if (one !== other) return one < other ? -1 : 1;
  return (a.origin === "edge" ? 0 : 1) - (b.origin === "edge" ? 0 : 1);
}

function fitting(names: readonly string[], maxCharacters: number): string[] {
  let characters = 0;
  return names.filter((name) => (characters += name.length + 3) <= maxCharacters);
}
