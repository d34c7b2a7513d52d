import { AppError } from "@trainyard/shared/errors.ts";
import { parseConfigRef } from "@trainyard/shared/names.ts";
import { nearestName } from "@trainyard/shared/tools/nearest-name.ts";
import type { Finding } from "@trainyard/shared/training/finding.ts";
import type { StoredConfig } from "../hub/config-shelf.ts";
import { unwrap } from "../outcome.ts";
import { boxConfigs, readBoxConfig } from "./box-configs.ts";
import type { BoxPlace, ConfigOrigin } from "./box-configs.ts";
import { factsOf } from "./config-facts.ts";
import type { EdgeContext } from "./context.ts";
import { refusal } from "./refusal.ts";

export interface FoundConfig extends StoredConfig {
  readonly origin: ConfigOrigin;
  /** Virtual, as every path that is shown. */
  readonly path: string;
  /** Where it was found beside the edge; null for a saved one. */
  readonly box: BoxPlace | null;
}

/**
 * `cats`, `config/cats` and the `config/cats.yaml` that create-training-config answers are the same config. What was saved here
 * comes before a file of the box with that name. Throws CONFIG_NOT_FOUND, and why a file of the box is no config.
 */
export async function readSavedConfig(
  context: EdgeContext,
  reference: string,
  agent?: string,
): Promise<FoundConfig> {
  const names = namesMeant(reference);
  for (const name of names) {
    const saved = unwrap(await context.hub.configs("read", { name }));
    if (saved !== null) {
      return { ...saved, origin: "edge", path: `config/${saved.name}.yaml`, box: null };
    }
  }
  for (const name of names) {
    const found = await readBoxConfig(name, agent, context);
    if (found === null) continue;
    const { config, box } = found;
    if (config.problem !== null) throw refusal([config.problem as Finding]);
    return {
      name: config.name,
      document: config.document ?? {},
      facts: factsOf(config.document ?? {}),
      updatedAtMs: config.modifiedAtMs,
      origin: config.origin,
      path: config.path,
      box,
    };
  }
  throw await missingConfig(names.at(-1) ?? reference, context);
}

/** As it stands, then without the ending of a file. */
export function namesMeant(reference: string): readonly string[] {
  const name = parseConfigRef(reference);
  const stem = name.replace(/\.(?:ya?ml|jsonc?)$/i, "");
  return stem === name || stem === "" ? [name] : [name, stem];
}

export async function missingConfig(name: string, context: EdgeContext): Promise<AppError> {
  const saved = unwrap(await context.hub.configs("list", null)).map((config) => config.name);
  const { rows } = await boxConfigs(undefined, context);
  const nearest = nearestName(name, [...saved, ...rows.map((row) => row.name)]);
  return new AppError("CONFIG_NOT_FOUND", "There is no config of that name.", {
    hint:
      nearest === null
        ? "Call list-configs for the names, or create-training-config to make it."
        : `Did you mean ${nearest}? list-configs has all names.`,
    details: { config_name: name, ...(nearest === null ? {} : { nearest }) },
  });
}
