import type { DatasetRunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import type { CaptionState, ImageProblem } from "@trainyard/shared/dataset/dataset-image.ts";
import type { RepairOptions, RepairPlan } from "@trainyard/shared/dataset/repair-plan.ts";
import type { DatasetDiagnosisView } from "@trainyard/shared/tools/dataset-view.ts";

/** A dataset as the agent found it: the child trusts these paths, and nothing below them. */
export interface ScannedFolder {
  readonly folder: string;
  /** As answers show it. */
  readonly virtualPath: string;
  readonly maxFiles: number;
}

export interface DiagnosisWish extends ScannedFolder {
  readonly triggerWord: string | null;
  readonly resolutions: readonly number[];
  readonly sides: number;
  /** The answer comes at this time with what is known by then; the scan goes on. */
  readonly waitMs: number;
}

/** What the agent asks of its dataset child. Several at once; each is answered under its id. */
export type ScanQuestion =
  | { readonly want: "survey"; readonly folders: readonly ScannedFolder[] }
  | ({ readonly want: "diagnosis" } & DiagnosisWish)
  | ({ readonly want: "repairs"; readonly options: RepairOptions } & DiagnosisWish)
  | ({ readonly want: "images"; readonly offset: number; readonly limit: number } & ScannedFolder)
  | ({ readonly want: "companion"; readonly companion: string } & ScannedFolder);

/** Counts and times, without a picture decoded. */
export interface Survey {
  readonly images: number;
  readonly captioned: number;
  readonly emptyCaptions: number;
  readonly missingCaptions: readonly string[];
  readonly totalBytes: number;
  readonly fingerprint: string;
  readonly limited: boolean;
  readonly modifiedAtMs: number;
  /** What language models train on; of the files the first. */
  readonly tables: {
    readonly count: number;
    readonly files: readonly { readonly path: string; readonly bytes: number }[];
  };
  readonly skipped: number;
}

export interface ScanProgress {
  readonly state: "done" | "running";
  readonly scanned: number;
  readonly total: number;
}

export interface DiagnosisAnswer {
  readonly scan: ScanProgress;
  readonly fingerprint: string;
  readonly view: DatasetDiagnosisView;
  readonly facts: DatasetRunFacts;
  readonly survey: Survey;
}

export interface RepairsAnswer extends DiagnosisAnswer {
  readonly plan: RepairPlan;
}

export interface ImageRow {
  readonly path: string;
  readonly bytes: number;
  readonly captionState: CaptionState;
  readonly caption: string;
  readonly width: number | null;
  readonly height: number | null;
  readonly problem: ImageProblem | null;
}

export interface ScanAnswers {
  readonly survey: readonly Survey[];
  readonly diagnosis: DiagnosisAnswer;
  readonly repairs: RepairsAnswer;
  readonly images: { readonly rows: readonly ImageRow[]; readonly survey: Survey };
  /** Images of the dataset that have no file of their name in a folder of masks or controls. */
  readonly companion: { readonly images: number; readonly unpaired: number };
}

export type AnswerOfScan<Want extends ScanQuestion["want"]> = ScanAnswers[Want];

export type ScanRequest = {
  readonly id: number;
  readonly question: ScanQuestion;
  readonly gentle: boolean;
};

export type ScanReply =
  | { readonly kind: "beat" }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly reason: string };
