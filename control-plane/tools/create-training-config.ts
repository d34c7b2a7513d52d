import { parseName } from "@trainyard/shared/names.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { validateDocument } from "@trainyard/shared/training/validate.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeHandler } from "./context.ts";
import { findingView, refusal } from "./refusal.ts";
import { factsOf, wholeOrNull } from "./config-facts.ts";
import { wantedDocument } from "./wanted-document.ts";
import { plural } from "./words.ts";

export const createTrainingConfig: EdgeHandler<"create-training-config"> = async (
  input,
  context,
) => {
  const name = parseName("config", input.name);
  const document = wantedDocument(input, context);
  const validation = validateDocument(document);
  if (!validation.valid) throw refusal(validation.errors);

  const result = unwrap(
    await context.hub.configs("put", {
      config: { name, document, facts: factsOf(document), updatedAtMs: context.now() },
      overwrite: input.overwrite,
    }),
  );
  const full = context.detail(input.detail) === "full";
  const findings = validation.warnings.map(findingView);
  const said = readAiToolkitDocument(document);
  const steps = said.steps === null ? "" : `${said.steps} steps, `;
  const rank = said.rank === null ? "" : `rank ${said.rank}, `;
  const warnings = findings.length === 0 ? "" : ` It has ${plural(findings.length, "warning")}.`;
  return {
    data: {
      status: "success",
      config_name: name,
      path: `config/${name}.yaml`,
      created: result === "created",
      overwritten: result === "overwritten",
      trainer: said.trainer,
      model: modelView(input.model_name ?? said.modelName, said.modelName),
      dataset_path: said.datasets[0] ?? null,
      steps: wholeOrNull(said.steps),
      rank: wholeOrNull(said.rank),
      learning_rate: said.learningRate,
      resolution: (said.resolution ?? []).filter((side) => wholeOrNull(side) !== null),
      ...(full ? { config: document } : {}),
      findings: full ? findings : findings.slice(0, 4),
    },
    text: `Config ${name} is ${outcomeWord[result]}: ${steps}${rank}for the trainer ${said.trainer}.${warnings} Next: run-training-with-guardrails with config_name ${name}.`,
  };
};

type Answer = { readonly requested: string | null; resolved: string | null; source: string | null };

/** A name from the presets stands for their path; files on the box are looked for when the job starts. */
function modelView(requested: string | null, resolved: string | null): Answer {
  return requested === resolved
    ? { requested, resolved: null, source: null }
    : { requested, resolved, source: "preset" };
}

const outcomeWord = {
  created: "saved",
  overwritten: "replaced",
  unchanged: "unchanged, the same content was saved before",
} as const;
