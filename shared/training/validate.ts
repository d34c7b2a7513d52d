import { AppError } from "../errors.ts";
import { parseName } from "../names.ts";
import {
  configOf,
  type DocumentSummary,
  isObject,
  type JsonObject,
  objectAt,
  processesOf,
  promptsOf,
  readAiToolkitDocument,
} from "./ai-toolkit-document.ts";
import { isFluxArch, isFluxName } from "./families.ts";
import {
  error,
  type Finding,
  type Place,
  shown,
  type ValidationFacts,
  warning,
} from "./finding.ts";
import { scanValues } from "./scan-values.ts";
import { checkSwitches } from "./switches.ts";
import { checkDatasets } from "./validate-dataset.ts";
import { checkDocumentKeys, checkProcessKeys } from "./validate-keys.ts";
import { checkModel } from "./validate-model.ts";
import { checkPromptFlags, checkToolkit } from "./validate-toolkit.ts";
import { checkNetwork, checkTrain } from "./validate-train.ts";

export interface Validation {
  readonly valid: boolean;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  readonly suggestedFixes: readonly string[];
  readonly normalized: NormalizedDocument | null;
}

interface NormalizedDocument {
  readonly jobName: string | null;
  readonly trainer: DocumentSummary["trainer"];
  readonly model: {
    readonly nameOrPath: string | null;
    readonly arch: string | null;
    readonly isFluxModel: boolean;
    readonly isFluxArch: boolean;
    readonly lowVram: boolean | null;
  };
  readonly dataset: { readonly path: string | null; readonly paths: readonly string[] };
  readonly train: {
    readonly resolution: readonly number[];
    readonly batchSize: number | null;
    readonly steps: number | null;
    readonly learningRate: number | null;
    readonly rank: number | null;
    readonly alpha: number | null;
  };
  readonly sample: { readonly promptCount: number; readonly triggerWord: string | null };
}

/** Judges a document of any origin: every process and every dataset in it. Never throws. */
export function validateDocument(document: unknown, facts: ValidationFacts = {}): Validation {
  const findings: Finding[] = [];
  const add = (finding: Finding): void => void findings.push(finding);
  if (!isObject(document)) {
    add(
      error("INVALID_CONFIG_TYPE", "The config is not an object.", { fix: "Give a JSON object." }),
    );
    return conclude(findings, null);
  }
  if ("config" in document ? !isObject(document["config"]) : !("process" in document)) {
    add(
      error("INVALID_CONFIG_ROOT", "The config has no `config` section.", {
        field: "config",
        fix: "Put the job under `config`, as create-training-config does.",
      }),
    );
    return conclude(findings, null);
  }
  scanValues(document, add);
  const root = "config" in document ? "config." : "";
  const processes = processesOf(document);
  if (processes.length === 0) {
    add(
      error("MISSING_PROCESS", "The config has no process.", {
        field: `${root}process`,
        fix: "Give one process, as create-training-config does.",
      }),
    );
    return conclude(findings, null);
  }
  const summary = readAiToolkitDocument(document);
  checkDocumentKeys(document, add);
  checkJobType(document["job"], add);
  checkJobName(configOf(document)["name"], `${root}name`, add);
  if (processes.length > 1) {
    add(
      error("SEVERAL_PROCESSES", `The config has ${processes.length} processes; a job runs one.`, {
        field: `${root}process`,
        value: processes.length,
        fix: "Make one config of each process.",
      }),
    );
  }
  for (const [index, process] of processes.entries()) {
    const at: Place = {
      path: `${root}process[${index}]`,
      tiny: summary.trainer === "tiny",
      facts,
      add,
    };
    checkProcessKeys(process, at);
    checkModel(process, at);
    const flux = isFluxName(
      readAiToolkitDocument({ config: { process: [process] } }).modelName ?? "",
    );
    checkDatasets(process, flux, at);
    checkTrain(process, at);
    checkNetwork(process, at);
    checkSample(process, at);
    checkPromptFlags(process, at);
    checkSwitches(process, at);
    checkToolkit(process, at);
    checkPolicy(process, at);
  }
  return conclude(findings, normalize(summary));
}

/** What AI Toolkit calls a job that trains; nothing is what the earlier systems wrote. */
function checkJobType(job: unknown, add: Place["add"]): void {
  if (job === undefined || job === null || job === "extension" || job === "train") return;
  add(
    error("UNKNOWN_JOB_TYPE", "This job is no training.", {
      field: "job",
      value: shown(job),
      fix: 'Write "extension".',
    }),
  );
}

function checkJobName(name: unknown, field: string, add: Place["add"]): void {
  if (name === undefined || name === null || name === "") {
    return add(
      warning("MISSING_JOB_NAME", "The config has no job name.", {
        field,
        fix: "Set `config.name`; without it the name the config is saved under is used.",
      }),
    );
  }
  if (typeof name === "string" && breaksResume(name)) {
    return add(
      error("JOB_NAME_BREAKS_RESUME", "AI Toolkit could not resume or prune a job of this name.", {
        field,
        value: name,
        fix: "Choose a longer name without * ? [ ]: AI Toolkit takes every file that begins with the name for a checkpoint.",
      }),
    );
  }
  try {
    parseName("job", name);
  } catch (refusal) {
    if (!(refusal instanceof AppError)) throw refusal;
    add(
      error(refusal.code, refusal.message, {
        field,
        ...(refusal.hint === undefined ? {} : { fix: refusal.hint }),
      }),
    );
  }
}

/** Resume globs `<name>*` in the output folder, where these files of its own lie too. */
function breaksResume(name: string): boolean {
  const folded = name.toLowerCase();
  return /[*?[\]]/.test(name) || ownFiles.some((file) => file.startsWith(folded));
}

const ownFiles = [
  "config.yaml",
  "optimizer.pt",
  "samples",
  "log.txt",
  "logs",
  "loss_log.db",
  "pid.txt",
  "learnable_snr.json",
  "readme.md",
];

function checkSample(process: JsonObject, { path, add }: Place): void {
  const sample = objectAt(process, "sample");
  const trigger = process["trigger_word"];
  const prompts = promptsOf(sample);
  if (typeof trigger !== "string" || trigger.trim() === "" || prompts.length === 0) return;
  const word = trigger.trim().toLowerCase();
  const without = prompts.filter((prompt) => {
    const text = prompt.toLowerCase();
    return !text.includes(word) && !text.includes("[trigger]");
  });
  if (without.length === 0) return;
  add(
    warning(
      "PROMPTS_MISSING_TRIGGER",
      `${without.length} of ${prompts.length} sample prompts lack the trigger word.`,
      {
        field: `${path}.sample`,
        value: without.length,
        fix: "Put the trigger word into every sample prompt.",
      },
    ),
  );
}

function checkPolicy(process: JsonObject, { path, add }: Place): void {
  const save = objectAt(process, "save");
  if (save["push_to_hub"] !== true && typeof save["hf_repo_id"] !== "string") return;
  add(
    error("POLICY_DENIED", "Uploading to the hub from a training is not allowed.", {
      field: save["push_to_hub"] === true ? `${path}.save.push_to_hub` : `${path}.save.hf_repo_id`,
      fix: "Set `save.push_to_hub` to false and remove `save.hf_repo_id`; download the model instead.",
    }),
  );
}

function conclude(findings: readonly Finding[], normalized: NormalizedDocument | null): Validation {
  const errors = findings.filter(({ severity }) => severity === "error");
  const warnings = findings.filter(({ severity }) => severity === "warning");
  const fixes = [...errors, ...warnings].flatMap(({ fix }) => (fix === undefined ? [] : [fix]));
  return {
    valid: errors.length === 0,
    errors,
    warnings,
    suggestedFixes: [...new Set(fixes)],
    normalized,
  };
}

function normalize(summary: DocumentSummary): NormalizedDocument {
  return {
    jobName: summary.jobName,
    trainer: summary.trainer,
    model: {
      nameOrPath: summary.modelName,
      arch: summary.arch,
      isFluxModel: isFluxName(summary.modelName ?? ""),
      isFluxArch: isFluxArch(summary.arch),
      lowVram: summary.lowVram,
    },
    dataset: { path: summary.datasets[0] ?? null, paths: summary.datasets },
    train: {
      resolution: summary.resolution ?? [],
      batchSize: summary.batchSize,
      steps: summary.steps,
      learningRate: summary.learningRate,
      rank: summary.rank,
      alpha: summary.alpha,
    },
    sample: { promptCount: summary.prompts.length, triggerWord: summary.triggerWord },
  };
}
