import type { FailureCategory } from "../log-report.ts";
import { failureCategories } from "../log-report.ts";
import type { Signature } from "./signature.ts";
import { signatures } from "./signatures.ts";
import { observedSignatures } from "./system-signatures.ts";

/** The page of symptoms, causes and fixes, as Markdown: the table of signatures for people. */
export function troubleshootingGuide(): string {
  const lines = [
    "# Troubleshooting",
    "",
    "Generated from the signature table in `shared/logs/failure` by `npm run generate`. Trainyard reads the log of every run with it:",
    "`get-training-status` shows the cause and the fix of a run that ended badly, and `trainyard analyze-log FILE` those of any log.",
    "How a cause is chosen stands in [log-reading.md](log-reading.md).",
    "",
  ];
  for (const category of failureCategories) {
    const title = titles[category];
    if (title === undefined) continue;
    lines.push(`## ${title} (\`${category}\`)`, "", "| what the log says | cause | fix | call |");
    lines.push("|---|---|---|---|");
    for (const row of signatures) {
      if (row.category === category) lines.push(tableRow(symptomOf(row), row));
    }
    for (const row of Object.values(observedSignatures)) {
      if (row.category === category) lines.push(tableRow(observed[row.id] ?? "", row));
    }
    lines.push("");
  }
  return lines.join("\n");
}

function tableRow(
  symptom: string,
  { cause, fix, call }: { cause: string; fix: string; call?: string },
): string {
  return `| ${symptom} | ${cause} | ${fix} | ${call === undefined ? "" : `\`${call}\``} |`;
}

/** The plain sentences among what a row looks for; a row that goes by the place of the error says so. */
function symptomOf({ see, raisedIn }: Signature): string {
  const plain = alternatives(see.source)
    .map(firstForm)
    .filter((part) => part.length > 5 && !/[\\()[\]?*+{}|]/.test(part))
    .slice(0, shownSymptoms)
    .map((part) => `\`${part.trim()}\``);
  if (plain.length > 0) return plain.join(", ");
  return raisedIn ? "an error raised in a certain place" : "several forms";
}

/** Of a choice inside the pattern the first, of what may be missing nothing. */
function firstForm(part: string): string {
  return part
    .replaceAll(/\(\?:[^()]*\)\?/g, "")
    .replaceAll(/\(\?:([^|()]+)[^()]*\)/g, "$1")
    .replaceAll(/\\d\+/g, "1")
    .replaceAll(/\\b|(?<!\\)[$^]/g, "")
    .replaceAll(/\\([.()[\]/'])/g, "$1");
}

/** The parts between the `|` that stand outside every group. */
function alternatives(source: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (let at = 0; at < source.length; at++) {
    const character = source[at] ?? "";
    if (character === "\\") {
      part += character + (source[++at] ?? "");
      continue;
    }
    if (character === "(" || character === "[") depth++;
    if (character === ")" || character === "]") depth--;
    if (character === "|" && depth === 0) {
      parts.push(part);
      part = "";
    } else {
      part += character;
    }
  }
  return [...parts, part];
}

const shownSymptoms = 3;

const observed: Readonly<Record<string, string>> = {
  "nan-in-numbers": "a loss that is `nan` or infinite, or a gradient norm that is `nan`",
  "frozen-download": "a download bar that stands still at the log's end",
  "frozen-bar": "the training's bar, painted again and again at one step",
};

const titles: Readonly<Partial<Record<FailureCategory, string>>> = {
  oom_gpu: "The graphics card's memory is full",
  oom_host: "The machine's main memory is full",
  nan_loss: "The loss is not a number",
  auth_gated: "The model is gated, or the token is missing",
  model_not_found: "The model is not there",
  dataset_missing: "The dataset is not there",
  dataset_empty: "The dataset is empty",
  dataset_corrupt: "The dataset is damaged",
  config_invalid: "A setting is wrong",
  unsupported_model: "The model is another architecture",
  dependency_missing: "A package is missing",
  dependency_mismatch: "Packages do not fit each other",
  cuda_driver: "The graphics card or its driver",
  disk_full: "The disk is full",
  network: "The network",
  permission: "Rights",
  io_error: "Files that cannot be read or written",
  distributed: "Several processes",
  killed: "Ended from outside",
  stalled: "It stands still",
  dtype_shape: "Tensors that do not fit",
  crash_native: "A crash in native code",
};
