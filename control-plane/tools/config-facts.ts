import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";

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
