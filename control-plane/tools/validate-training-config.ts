import { AppError } from "@trainyard/shared/errors.ts";
import { parseConfigRef } from "@trainyard/shared/names.ts";
import type { AnswerOf, ToolInput } from "@trainyard/shared/tools/registry.ts";
import type {
  ValidationIssue,
  ValidationReport,
} from "@trainyard/shared/tools/validate-training-config.ts";
import { toAiToolkitDocument } from "@trainyard/shared/training/write-ai-toolkit-document.ts";
import { trainingConfigFromArguments } from "@trainyard/shared/training/training-config.ts";
import type { TrainingConfigArguments } from "@trainyard/shared/training/training-config.ts";
import type { Finding } from "@trainyard/shared/training/finding.ts";
import type { Validation } from "@trainyard/shared/training/validate.ts";
import { readText } from "./config-text.ts";
import { checkOnBox, notAsked } from "./box-check.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { readSavedConfig } from "./saved-config.ts";
import { judge, validationReport } from "./validation.ts";
import type { ReportContext } from "./validation.ts";
import { plural } from "./words.ts";

type Input = ToolInput<"validate-training-config">;

export const validateTrainingConfig: EdgeHandler<"validate-training-config"> = async (
  input,
  context,
) => {
  const about: ReportContext = {
    source:
      input.config !== undefined
        ? "config_argument"
        : input.config_name !== undefined
          ? "saved_config"
          : "draft_parameters",
    configName: input.config_name === undefined ? null : parseConfigRef(input.config_name),
    checkDataset: input.check_dataset,
    maxDatasetFiles: input.max_dataset_files,
  };
  const read = await readDocument(input, context);
  const check =
    read.problem === null && input.check_dataset
      ? await checkOnBox(
          read.document,
          { agent: input.agent, maxFiles: input.max_dataset_files },
          context,
        )
      : notAsked;
  const validation = read.problem ?? judge(read.document, check);
  const report = validationReport(validation, check, about, context.detail(input.detail));
  const counts = `${plural(validation.errors.length, "error")}, ${plural(validation.warnings.length, "warning")}`;
  const dataset = check.facts === null ? " The dataset was not looked at." : "";
  return {
    data: context.calledAs === "validate-config" ? plainReport(report) : report,
    text: `The config is ${validation.valid ? "valid" : "not valid"}: ${counts}.${dataset} Next: ${nextStep(about, validation.valid)}.`,
  };
};

/** The earlier tool of that name listed sentences. */
function plainReport(report: ValidationReport): AnswerOf<"validate-training-config">["data"] {
  const plain = ({ code, message, field }: ValidationIssue): string =>
    `${code}: ${message}${field === undefined ? "" : ` (${field})`}`;
  return { ...report, errors: report.errors.map(plain), warnings: report.warnings.map(plain) };
}

function nextStep(about: ReportContext, valid: boolean): string {
  if (!valid) return "correct what errors names, with create-training-config (overwrite: true)";
  if (about.source === "saved_config") {
    return `run-training-with-guardrails with config_name ${about.configName ?? ""}`;
  }
  return "create-training-config with these values, then run-training-with-guardrails";
}

interface ReadDocument {
  readonly document: unknown;
  /** Set where there is no document to judge. */
  readonly problem: Validation | null;
}

/** config wins over config_name, which wins over the draft. */
async function readDocument(input: Input, context: EdgeContext): Promise<ReadDocument> {
  if (typeof input.config === "string") {
    const { document, problem } = readText(input.config);
    return { document, problem: problem === null ? null : oneError(problem) };
  }
  if (input.config !== undefined) return { document: input.config, problem: null };
  if (input.config_name !== undefined) {
    return {
      document: (await readSavedConfig(context, input.config_name, input.agent)).document,
      problem: null,
    };
  }
  const { model_name: modelName, dataset_path: datasetPath } = input;
  if (modelName === undefined || datasetPath === undefined) {
    throw new AppError("INVALID_ARGUMENT", "There is nothing to validate.", {
      hint: "Give config_name, or config, or model_name and dataset_path together.",
    });
  }
  try {
    const draft = draftOf(input, modelName, datasetPath, context);
    return { document: toAiToolkitDocument(trainingConfigFromArguments(draft)), problem: null };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message, hint } = error;
    const fix = hint === undefined ? {} : { fix: hint };
    return { document: null, problem: oneError({ code, severity: "error", message, ...fix }) };
  }
}

function draftOf(
  input: Input,
  modelName: string,
  datasetPath: string,
  { given }: EdgeContext,
): TrainingConfigArguments {
  const numbers = {
    resolution: input.resolution,
    batch_size: input.batch_size,
    learning_rate: input.learning_rate,
    steps: input.steps,
    rank: input.rank,
    alpha: input.alpha,
    low_vram: input.low_vram,
  };
  return {
    name: input.name ?? "draft",
    model_name: modelName,
    dataset_path: datasetPath,
    // A base model may have values of its own.
    ...Object.fromEntries(Object.entries(numbers).filter(([key]) => given.has(key))),
    trigger_word: input.trigger_word,
    test_prompts: input.test_prompts,
  };
}

function oneError(finding: Finding): Validation {
  return {
    valid: false,
    errors: [finding],
    warnings: [],
    suggestedFixes: finding.fix === undefined ? [] : [finding.fix],
    normalized: null,
  };
}
