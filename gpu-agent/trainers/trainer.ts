import type { Capabilities } from "@trainyard/shared/protocol/messages.ts";
import type { AttemptFiles, Home } from "../home.ts";

export type TrainerFact = Capabilities["trainers"][number];

export interface PrepareRequest {
  readonly jobId: string;
  readonly attempt: number;
  readonly document: Readonly<Record<string, unknown>>;
  readonly slot: string;
  readonly totalSteps: number | null;
  readonly home: Home;
  readonly files: AttemptFiles;
  /** Name of the job's own folder below the outputs. */
  readonly outputName: string;
}

/** Everything needed to start the process and to read what it leaves. Plain JSON: it is kept with the attempt. */
export interface PreparedTraining {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to the allow-list, never instead of it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Names of our own environment that it also gets; their values are never written down. */
  readonly inherits?: readonly string[];
  /** Written to the attempt's `config.json`. */
  readonly configText: string;
  /** The name of the trainer's bar, and of its files unless `fileStem` says otherwise. */
  readonly name: string;
  readonly fileStem?: string;
  /** Files that must all be there at the end; absent: one that carries no step. */
  readonly finalFiles?: readonly string[];
  readonly outputName: string;
  /** The trainer's own metrics; null makes the bar the source. */
  readonly metricsDatabase: string | null;
  /** Every how many steps a row goes into that database; 1 where it is not said. */
  readonly metricsEvery?: number;
  /** Where the running process looks for requests, and which it knows; absent where it looks nowhere. */
  readonly jobTable?: { readonly path: string; readonly requests: readonly TrainerRequest[] };
  readonly totalSteps: number | null;
}

/** A checkpoint of one file, or a folder with the files of a whole model. */
export interface CheckpointFile {
  readonly name: string;
  readonly path: string;
  /** Its files, by their names below the output folder. */
  readonly parts: readonly string[];
  readonly step: number | null;
  readonly final: boolean;
  readonly bytes: number;
  readonly valid: boolean;
  readonly modifiedAtMs: number;
}

export interface SampleFile {
  readonly name: string;
  readonly step: number;
  readonly index: number;
  readonly writtenAtMs: number;
  readonly bytes: number;
}

/** What a running trainer can be asked for without a signal. */
export type TrainerRequest = "save" | "sample" | "stop";

export interface TrainerControl {
  /** An older trainer may not know all of them. */
  readonly understands: (what: TrainerRequest, training: PreparedTraining) => boolean;
  /** False: it does not listen yet, or any more, so there is nothing to wait for. */
  readonly ask: (what: TrainerRequest, attempt: AskedAttempt) => boolean;
}

interface AskedAttempt {
  readonly training: PreparedTraining;
  readonly files: AttemptFiles;
}

/** One way of turning a config into a process on this box (design 7). */
export interface Trainer {
  readonly name: string;
  detect(): Promise<TrainerFact>;
  /** Throws AppError when this config cannot run here. */
  prepare(request: PrepareRequest): Promise<PreparedTraining>;
  /** Judged by header and length; oldest step first, the final file last. */
  checkpoints(outputFolder: string, fileStem: string): readonly CheckpointFile[];
  samples(outputFolder: string): readonly SampleFile[];
  /** Absent where signals are the only way to reach it. */
  readonly control?: TrainerControl;
}
