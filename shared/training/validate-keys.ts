import { configOf, isObject, type JsonObject, objectAt } from "./ai-toolkit-document.ts";
import { documentKeys, nearestKey } from "./document-keys.ts";
import { type Place, warning } from "./finding.ts";

export function checkDocumentKeys(document: JsonObject, add: Place["add"]): void {
  checkKeys(document, "document", "", add);
  if ("config" in document) checkKeys(configOf(document), "config", "config", add);
}

export function checkProcessKeys(process: JsonObject, { path, add }: Place): void {
  checkKeys(process, "process", path, add);
  for (const section of ["network", "save", "train", "logging", "model", "sample"] as const) {
    checkKeys(objectAt(process, section), section, `${path}.${section}`, add);
  }
  const train = objectAt(process, "train");
  checkKeys(objectAt(train, "ema_config"), "ema", `${path}.train.ema_config`, add);
  checkKeys(
    objectAt(train, "validation_config"),
    "validation",
    `${path}.train.validation_config`,
    add,
  );
  const lists = [
    ["dataset", "datasets", process["datasets"]],
    ["sampleItem", "sample.samples", objectAt(process, "sample")["samples"]],
  ] as const;
  for (const [section, name, list] of lists) {
    if (!Array.isArray(list)) continue;
    for (const [index, item] of list.entries()) {
      if (isObject(item)) checkKeys(item, section, `${path}.${name}[${index}]`, add);
    }
  }
}

function checkKeys(section: JsonObject, name: string, path: string, add: Place["add"]): void {
  const known = documentKeys[name];
  if (!known) return;
  for (const key of Object.keys(section)) {
    if (known.has(key)) continue;
    const nearest = nearestKey(name, key);
    add(
      warning("UNKNOWN_KEY", "AI Toolkit ignores this key.", {
        field: `${path === "" ? "" : `${path}.`}${key.slice(0, 64)}`,
        fix: nearest === null ? "Remove it, or check its name." : `Did you mean \`${nearest}\`?`,
      }),
    );
  }
}
