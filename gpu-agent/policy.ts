import { existsSync, readFileSync } from "node:fs";
import { delimiter, isAbsolute, parse, resolve } from "node:path";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import type { Home } from "./home.ts";

/** What the owner of this box allows. It stands on the box, and nothing that comes over the link changes it. */
export interface Policy {
  /** Folders with base models, beside the box's own outputs. Read only. */
  readonly modelRoots: readonly string[];
  /** ComfyUI's `models` folders. Base models are found in them too; export-model writes below their `loras`. */
  readonly comfyuiRoots: readonly string[];
  /** Training folders of AI Toolkit's Web UI: what its jobs leave there is read. The toolkit's own `output` is one of them. */
  readonly uiRoots: readonly string[];
  /** A start that takes longer by estimate is only made when it is confirmed; null: none needs to be. */
  readonly confirmHours: number | null;
  /** Folders that hold datasets, beside the home's own: AI Toolkit's `datasets`, for one. Trainyard changes files in them. */
  readonly datasetRoots: readonly string[];
  /** Folders for language-model projects, beside the home's own. Trainyard writes in them and runs what lies in a project. */
  readonly projectRoots: readonly string[];
  /** Services that a language-model job may send something to, besides loading from the Hub: a call alone never can. */
  readonly outbound: readonly Outbound[];
}

const outboundServices = ["huggingface", "mlflow", "wandb"] as const;
type Outbound = (typeof outboundServices)[number];

/** A root that is the whole disk would allow everything. */
const root = z
  .string()
  .refine((path) => isAbsolute(path), "must be an absolute path")
  .refine((path) => resolve(path) !== parse(resolve(path)).root, "must not be the whole disk")
  .transform((path) => resolve(path));

const policySchema = z.strictObject({
  model_roots: z.array(root).max(32).default([]),
  comfyui_roots: z.array(root).max(32).default([]),
  ai_toolkit_ui_roots: z.array(root).max(32).default([]),
  confirm_hours: z.number().gt(0).max(100_000).optional(),
  dataset_roots: z.array(root).max(32).default([]),
  project_roots: z.array(root).max(32).default([]),
  outbound: z.array(z.enum(outboundServices)).max(8).default([]),
});

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `policy.json` of the home, and the folders of `COMFYUI_MODEL_ROOTS`. Read at each use, so that an edit holds at once. Throws
 * POLICY_INVALID: a file that cannot be understood allows nothing.
 */
export function readPolicy(home: Home, environment: Environment = process.env): Policy {
  const written = existsSync(home.policy) ? parsePolicy(home.policy) : policySchema.parse({});
  const named = (environment["COMFYUI_MODEL_ROOTS"] ?? "")
    .split(delimiter)
    .map((path) => path.trim())
    .filter((path) => path !== "");
  const fromEnvironment = z.array(root).safeParse(named);
  if (!fromEnvironment.success) throw invalid("COMFYUI_MODEL_ROOTS", fromEnvironment.error);
  return {
    modelRoots: [...new Set(written.model_roots)],
    comfyuiRoots: [...new Set([...written.comfyui_roots, ...fromEnvironment.data])],
    uiRoots: [...new Set(written.ai_toolkit_ui_roots)],
    confirmHours: written.confirm_hours ?? null,
    datasetRoots: [...new Set(written.dataset_roots)],
    projectRoots: [...new Set(written.project_roots)],
    outbound: [...new Set(written.outbound)],
  };
}

function parsePolicy(path: string): z.infer<typeof policySchema> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new AppError("POLICY_INVALID", "The box's policy.json cannot be read as JSON.", {
      hint: "Correct it on the box, or remove it: without it only the home's own folders are used.",
      cause,
    });
  }
  const parsed = policySchema.safeParse(value);
  if (!parsed.success) throw invalid("policy.json", parsed.error);
  return parsed.data;
}

function invalid(where: string, error: z.ZodError): AppError {
  const [issue] = error.issues;
  const place = issue?.path.join(".") ?? "";
  return new AppError(
    "POLICY_INVALID",
    `The box's ${where} is wrong${place === "" ? "" : ` at ${place}`}: ${issue?.message ?? "unknown"}.`,
    { hint: "Correct it on the box; docs/files.md has every entry." },
  );
}
