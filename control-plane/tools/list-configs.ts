import { limits } from "@trainyard/shared/limits.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeHandler } from "./context.ts";
import { readFacts } from "./saved-config.ts";
import { iso, plural } from "./words.ts";

export const listConfigs: EdgeHandler<"list-configs"> = async (input, context) => {
  const configs = unwrap(await context.hub.listConfigs());
  const names = configs.map(({ name }) => name);
  const next =
    "Next: get-config with a name, or run-training-with-guardrails with it as config_name.";
  if (configs.length === 0) {
    return {
      data: { configs: [], count: 0 },
      text: "There is no saved config. Next: create-training-config.",
    };
  }
  if (context.detail(input.detail) === "concise") {
    const shown = fitting(names, limits.conciseCharacters - 500);
    const cut = shown.length < names.length;
    return {
      data: { configs: shown, count: names.length, ...(cut ? { truncated: true } : {}) },
      text: `${plural(names.length, "saved config")}${cut ? `, the first ${shown.length} by name; detail full has the others` : ""}. ${next}`,
    };
  }
  return {
    data: {
      configs: names,
      items: configs.map((config) => {
        const facts = readFacts(config.facts);
        return {
          name: config.name,
          trainer: facts.trainer,
          model: facts.model,
          dataset_path: facts.datasetPath,
          steps: facts.steps,
          updated_at: iso(config.updatedAtMs),
          origin: "edge" as const,
        };
      }),
      count: names.length,
      truncated: false,
    },
    text: `${plural(names.length, "saved config")}. ${next}`,
  };
};

function fitting(names: readonly string[], maxCharacters: number): string[] {
  let characters = 0;
  return names.filter((name) => (characters += name.length + 3) <= maxCharacters);
}
