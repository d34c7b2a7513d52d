import { AppError } from "@trainyard/shared/errors.ts";
import { parseName } from "@trainyard/shared/names.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import {
  isObject,
  processesOf,
  type JsonObject,
} from "@trainyard/shared/training/ai-toolkit-document.ts";
import { trainingConfigFromArguments } from "@trainyard/shared/training/training-config.ts";
import type { TrainingConfigArguments } from "@trainyard/shared/training/training-config.ts";
import { toAiToolkitDocument } from "@trainyard/shared/training/write-ai-toolkit-document.ts";
import { readText } from "./config-text.ts";
import type { EdgeContext } from "./context.ts";
import { refusal } from "./refusal.ts";

type Input = ToolInput<"create-training-config">;

/** The document that create-training-config saves: the caller's own, or the one that its parameters describe. */
export function wantedDocument(input: Input, { given }: EdgeContext): JsonDocument {
  if (input.config !== undefined) {
    const other = [...given].find((key) => !besideConfig.has(key));
    if (other === undefined) return broughtDocument(input.config, parseName("config", input.name));
    throw new AppError("INVALID_ARGUMENT", `config is a whole document; ${other} was given too.`, {
      hint: "Give the document alone, or leave config out.",
      details: { field: other },
    });
  }
  const missing = (["model_name", "dataset_path"] as const).find((key) => input[key] === undefined);
  if (missing !== undefined) {
    throw new AppError("INVALID_ARGUMENT", `${missing} is missing.`, {
      hint: "Give model_name and dataset_path, or a whole document in config.",
      details: { field: missing },
    });
  }
  // A base model may have values of its own: the contract's defaults are for those that have none.
  const args = Object.fromEntries(Object.entries(input).filter(([key]) => given.has(key)));
  return toAiToolkitDocument(
    trainingConfigFromArguments(args as unknown as TrainingConfigArguments),
  ) as JsonDocument;
}

const besideConfig: ReadonlySet<string> = new Set(["name", "config", "overwrite", "detail"]);

/** Under the name it is saved by; `job` and `type` are what documents of the earlier systems leave out. */
function broughtDocument(config: NonNullable<Input["config"]>, name: string): JsonDocument {
  const read = typeof config === "string" ? readText(config) : { document: config, problem: null };
  if (read.problem !== null) throw refusal([read.problem]);
  const document = structuredClone(read.document) as Record<string, unknown>;
  const inside = isObject(document["config"]) ? document["config"] : null;
  if (inside === null) return document as JsonDocument;
  const processes = processesOf(document).map((process): JsonObject =>
    "type" in process ? process : { type: "diffusion_trainer", ...process },
  );
  return {
    ...(document as JsonDocument),
    ...("job" in document ? {} : { job: "extension" }),
    config: { ...inside, name, process: processes } as JsonDocument,
  };
}
