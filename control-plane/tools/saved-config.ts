import { AppError } from "@trainyard/shared/errors.ts";
import { parseConfigRef } from "@trainyard/shared/names.ts";
import { nearestName } from "@trainyard/shared/tools/nearest-name.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import type { StoredConfig } from "../hub/config-shelf.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "./context.ts";

/** `cats`, `config/cats` and the `config/cats.yaml` that create-training-config answers are the same config. */
export async function readSavedConfig(
  { hub }: EdgeContext,
  reference: string,
): Promise<StoredConfig> {
  const name = parseConfigRef(reference);
  const stem = name.replace(/\.ya?ml$/i, "");
  const found =
    unwrap(await hub.readConfig(name)) ??
    (stem === name || stem === "" ? null : unwrap(await hub.readConfig(stem)));
  if (found !== null) return found;
  const names = unwrap(await hub.listConfigs()).map((config) => config.name);
  const nearest = nearestName(stem, names);
  throw new AppError("CONFIG_NOT_FOUND", "There is no saved config of that name.", {
    hint:
      nearest === null
        ? "Call list-configs for the names, or create-training-config to make it."
        : `Did you mean ${nearest}? list-configs has all names.`,
    details: { config_name: stem, ...(nearest === null ? {} : { nearest }) },
  });
}

export interface ConfigFacts {
  readonly trainer: string;
  readonly model: string | null;
  readonly datasetPath: string | null;
  readonly steps: number | null;
}

/** What lists show; kept beside the document so that a list parses none. */
export function factsOf(
  document: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const summary = readAiToolkitDocument(document);
  return {
    trainer: summary.trainer,
    model: summary.modelName,
    dataset_path: summary.datasets[0] ?? null,
    steps: summary.steps,
  };
}

export function readFacts(facts: Readonly<Record<string, unknown>>): ConfigFacts {
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return {
    trainer: text(facts["trainer"]) ?? "ai-toolkit",
    model: text(facts["model"]),
    datasetPath: text(facts["dataset_path"]),
    steps: wholeOrNull(facts["steps"]),
  };
}

/** A document that somebody else wrote may hold any number, or none. */
export function wholeOrNull(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null;
}
