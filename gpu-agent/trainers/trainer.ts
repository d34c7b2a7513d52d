import type { Evidence } from "@trainyard/shared/jobs/failure.ts";
import type { Conclusion, FinalArtifact, StopWanted } from "@trainyard/shared/jobs/conclude.ts";
import type { Capabilities } from "@trainyard/shared/protocol/messages.ts";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import type { AttemptFiles, Home } from "../home.ts";
import type { EndWatch } from "../jobs/end-watch.ts";
import type { MetricsSource } from "../jobs/metrics-db.ts";
import type { StreamKey } from "../spool.ts";

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
  /** Another program is asked to run it, in this queue of its own; there is no command then. */
  readonly elsewhere?: {
    readonly queue: string;
    readonly requests: readonly TrainerRequest[];
    /** It keeps its metrics; where not, the bar is the source. */
    readonly keepsMetrics: boolean;
  };
  readonly totalSteps: number | null;
}

/** The folder of a job's files, below a root that may be read. */
export interface OutputPlace {
  readonly root: string;
  readonly folder: string;
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

export interface FollowRequest {
  readonly key: StreamKey;
  readonly training: PreparedTraining;
  readonly files: AttemptFiles;
  readonly createdAtMs: number;
  /** Boot of this box in which the attempt was accepted. */
  readonly bootId: string;
  /** Newest time of a metric of the attempt before, seconds of the trainer's clock. */
  readonly sinceWall: number | null;
}

/** What the runner knows when it asks anew. */
export interface FollowLook {
  readonly metricsStep: number;
  readonly stopMarker: boolean;
  readonly isWatched: boolean;
  /** Somebody waits for the answer: now, whatever the rhythm says. */
  readonly isUrgent: boolean;
}

/** What the other program brought beside the log and the metrics. */
export type FollowedNews =
  /** It waits in a queue there. */
  | { readonly kind: "waiting" }
  | ({ readonly kind: "stopping" } & StopWanted)
  /** Facts beside the state it is in. */
  | { readonly kind: "facts"; readonly evidence: Evidence }
  | { readonly kind: "item"; readonly item: Extract<Item, { kind: "alert" | "gap" }> };

/**
 * A training that another program runs, and that is asked about instead of watched. `refresh` brings everything up to one moment;
 * the rest tells of that moment.
 */
export interface FollowedTraining {
  /** Asks anew where that is due. Never throws: a program that does not answer changes nothing but `observedAtMs`. */
  refresh(look: FollowLook): Promise<void>;
  readonly watch: EndWatch;
  readonly metrics: MetricsSource;
  /** False: it does not listen. Throws AppError where it could not be asked. */
  ask(what: TrainerRequest): Promise<boolean>;
  takeNews(): readonly FollowedNews[];
  /** Somebody stopped it there. */
  stopWanted(): StopWanted | null;
  /** Of what is told here, by the clock of this box. */
  observedAtMs(): number;
  /** When it ended, where that was before anybody here looked. */
  endedAtMs(): number | null;
  /** Null where its files cannot be read on this box. */
  place(): OutputPlace | null;
  /** Judged from afar, for when there is no place. Null: no such file. */
  judgeFinal(): Promise<FinalArtifact | null>;
  /** For the end's evidence. */
  evidence(): Evidence;
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
  /** Present where its process keeps a record of its own, which it could not end when it was killed. May throw: the job's end stands. */
  settle?(training: PreparedTraining, state: Conclusion["state"]): void;
  /** Present where another program runs the training. */
  follow?(attempt: FollowRequest): FollowedTraining;
  /** Where such a training's files lie, also when it is over; null where they cannot be read on this box. */
  placeOf?(files: AttemptFiles, training: PreparedTraining): OutputPlace | null;
  /** That program knows its jobs by name, and somebody may have taken this one. True where it cannot be asked. */
  isNameFree?(name: string): Promise<boolean>;
}
