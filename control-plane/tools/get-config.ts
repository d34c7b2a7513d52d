import { limits } from "@trainyard/shared/limits.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import { stringify } from "yaml";
import type { EdgeHandler } from "./context.ts";
import { readFacts, readSavedConfig } from "./saved-config.ts";
import { iso } from "./words.ts";

export const getConfig: EdgeHandler<"get-config"> = async (input, context) => {
  const config = await readSavedConfig(context, input.name);
  const facts = readFacts(config.facts);
  const short = {
    name: config.name,
    trainer: facts.trainer,
    updated_at: iso(config.updatedAtMs),
    origin: "edge" as const,
  };
  const document = config.document as JsonDocument;
  const full = context.detail(input.detail) === "full";
  const fits = JSON.stringify(document).length < limits.conciseCharacters - 500;
  const steps = facts.steps === null ? "" : `, ${facts.steps} steps`;
  return {
    data: {
      ...short,
      ...(full || fits ? { config: document } : {}),
      ...(full ? { yaml: stringify(document) } : {}),
    },
    text: `Config ${config.name} for the trainer ${facts.trainer}${steps}.${full || fits ? "" : " The whole document: the same call with detail full."} Next: validate-training-config or run-training-with-guardrails with config_name ${config.name}.`,
  };
};
