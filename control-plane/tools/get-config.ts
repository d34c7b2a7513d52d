import { limits } from "@trainyard/shared/limits.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import { stringify } from "yaml";
import { readFacts } from "./config-facts.ts";
import type { EdgeHandler } from "./context.ts";
import { readSavedConfig } from "./saved-config.ts";
import { iso } from "./words.ts";

export const getConfig: EdgeHandler<"get-config"> = async (input, context) => {
  const config = await readSavedConfig(context, input.name);
  const facts = readFacts(config.facts);
  const { box } = config;
  const document = config.document as JsonDocument;
  const full = context.detail(input.detail) === "full";
  const fits = JSON.stringify(document).length < limits.conciseCharacters - 650;
  const steps = facts.steps === null ? "" : `, ${facts.steps} steps`;
  const where = config.origin === "edge" ? "" : ` It is a file of the box (${config.path}).`;
  return {
    data: {
      name: config.name,
      ...(full || fits ? { config: document } : {}),
      ...(full ? { yaml: stringify(document) } : {}),
      trainer: facts.trainer,
      updated_at: iso(config.updatedAtMs),
      origin: config.origin,
      path: config.path,
      ...(box === null
        ? {}
        : {
            agent_id: box.agentId,
            observed_at: iso(box.observedAtMs),
            connectivity: box.connectivity,
          }),
    },
    text: `Config ${config.name} for the trainer ${facts.trainer}${steps}.${where}${full || fits ? "" : " The whole document: the same call with detail full."} Next: validate-training-config or run-training-with-guardrails with config_name ${config.name}.`,
  };
};
