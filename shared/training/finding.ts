import { isObject } from "./ai-toolkit-document.ts";

export interface Finding {
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  /** Where, as a path into the document: `config.process[0].train.steps`. */
  readonly field?: string;
  /** What stands there, when it is a small plain value. */
  readonly value?: unknown;
  /** What to do, as one sentence. */
  readonly fix?: string;
}

/** What the box found of one dataset. Unknown parts are null. */
export interface DatasetFacts {
  readonly exists: boolean;
  readonly isDirectory: boolean;
  readonly images: number | null;
  readonly scanned: number | null;
  readonly captionCoveragePct: number | null;
  readonly duplicates: number | null;
  readonly corrupt: number | null;
}

/** What the box found of a folder of masks or controls. */
interface CompanionFact {
  readonly dataset: string;
  readonly folder: string;
  readonly exists: boolean;
  /** Images of the dataset that have no file of their name in it. */
  readonly unpaired: number;
}

export interface ValidationFacts {
  /** Keyed by the path as it stands in the document. A dataset without facts is not judged. */
  readonly datasets?: Readonly<Record<string, DatasetFacts>> | undefined;
  readonly companions?: readonly CompanionFact[] | undefined;
  /** Of the first process. */
  readonly model?:
    | { readonly resolved: boolean; readonly directoryValid: boolean | null }
    | undefined;
  /** Whether the box has an NVIDIA GPU; not given: nobody was asked. */
  readonly cuda?: boolean | undefined;
}

/** Where a check stands, what it knows and where its findings go. */
export interface Place {
  readonly path: string;
  /** The tiny trainer learns small pictures at its own rates; advice for diffusion models is noise there. */
  readonly tiny: boolean;
  readonly facts: ValidationFacts;
  readonly add: (finding: Finding) => void;
}

/** What reads as a number must be one, inside these bounds. */
export const bounds = {
  batchSize: { min: 1, max: 1_024 },
  steps: { min: 1, max: 10_000_000 },
  rank: { min: 1, max: 4_096 },
  alpha: { min: 0, max: 1_000_000 },
  resolution: { min: 8, max: 16_384 },
} as const;

export function inBounds(
  value: unknown,
  { min, max }: { min: number; max: number },
  whole: boolean,
): value is number {
  return (
    typeof value === "number" && value >= min && value <= max && (!whole || Number.isInteger(value))
  );
}

export function range({ min, max }: { min: number; max: number }): string {
  return `from ${min} to ${max}`;
}

/** A value small and plain enough to be shown back; NaN and the infinities are not JSON. */
export function shown(value: unknown): unknown {
  if (typeof value === "string") return value.length > 120 ? `${value.slice(0, 120)}…` : value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value))
    return value.slice(0, 8).map((one) => (isObject(one) ? "object" : shown(one)));
  return typeof value === "boolean" || value === null ? value : typeof value;
}

type Rest = Omit<Finding, "code" | "severity" | "message">;

export function error(code: string, message: string, rest: Rest): Finding {
  return { code, severity: "error", message, ...rest };
}

export function warning(code: string, message: string, rest: Rest): Finding {
  return { code, severity: "warning", message, ...rest };
}
