import { AppError } from "@trainyard/shared/errors.ts";
import type { FindingView, JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import { toAiToolkitDocument } from "@trainyard/shared/training/write-ai-toolkit-document.ts";
import type { Finding } from "@trainyard/shared/training/finding.ts";
import { trainingConfigFromArguments } from "@trainyard/shared/training/training-config.ts";
import { validateDocument } from "@trainyard/shared/training/validate.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { factsOf } from "./saved-config.ts";
import { plural } from "./words.ts";

export const createTrainingConfig: EdgeHandler<"create-training-config"> = async (
  input,
  context,
) => {
  const { overwrite, detail: asked, ...args } = input;
  const config = trainingConfigFromArguments(withoutDefaults(args, context));
  const document = toAiToolkitDocument(config) as JsonDocument;
  const validation = validateDocument(document);
  if (!validation.valid) throw refusal(validation.errors);

  const result = unwrap(
    await context.hub.putConfig(
      { name: config.name, document, facts: factsOf(document), updatedAtMs: context.now() },
      overwrite,
    ),
  );
  const detail = context.detail(asked);
  const findings = validation.warnings.map(findingView);
  const warnings = findings.length === 0 ? "" : ` It has ${plural(findings.length, "warning")}.`;
  return {
    data: {
      config_name: config.name,
      path: `config/${config.name}.yaml`,
      created: result === "created",
      overwritten: result === "overwritten",
      trainer: config.trainer,
      model: {
        requested: input.model_name,
        // A name from the presets stands for their path; files on the box are looked for when the job starts.
        ...(config.modelName === input.model_name
          ? { resolved: null, source: null }
          : { resolved: config.modelName, source: "preset" }),
      },
      dataset_path: `datasets/${config.datasetName}`,
      steps: config.steps,
      rank: config.rank,
      learning_rate: config.learningRate,
      resolution: [...config.resolution],
      ...(detail === "full" ? { config: document } : {}),
      findings: detail === "full" ? findings : findings.slice(0, 4),
    },
    text: `Config ${config.name} is ${outcomeWord[result]}: ${config.steps} steps, rank ${config.rank}, for the trainer ${config.trainer}.${warnings} Next: run-training-with-guardrails with config_name ${config.name}.`,
  };
};

const outcomeWord = {
  created: "saved",
  overwritten: "replaced",
  unchanged: "unchanged, the same content was saved before",
} as const;

/** A base model may have values of its own: the contract's defaults are for those that have none. */
function withoutDefaults(
  args: Omit<ToolInput<"create-training-config">, "overwrite" | "detail">,
  { given }: EdgeContext,
): typeof args {
  return Object.fromEntries(Object.entries(args).filter(([key]) => given.has(key))) as typeof args;
}

/** Nothing was written. A placeholder has its own code: AI Toolkit would put an environment variable in its place. */
export function refusal(errors: readonly Finding[]): AppError {
  const placeholder = errors.find(({ code }) => code === "PLACEHOLDER_REFUSED");
  const first = placeholder ?? errors[0];
  const field = first?.field ?? "the config";
  return new AppError(
    placeholder === undefined ? "CONFIG_INVALID" : "PLACEHOLDER_REFUSED",
    `${placeholder === undefined ? `The config has ${plural(errors.length, "error")}; the first is ${first?.code ?? "unknown"} at` : "A placeholder stands at"} ${field}. Nothing was saved or started.`,
    {
      ...(first?.fix === undefined ? {} : { hint: first.fix }),
      details: { field, findings: errors.slice(0, 10).map(findingView) },
    },
  );
}

function findingView(finding: Finding): FindingView {
  return {
    code: finding.code,
    severity: finding.severity === "error" ? "critical" : "warning",
    message: finding.message,
    ...(finding.field === undefined ? {} : { field: finding.field }),
    ...(finding.value === undefined
      ? {}
      : { value: finding.value as NonNullable<FindingView["value"]> }),
    ...(finding.fix === undefined ? {} : { fix: finding.fix }),
  };
}
