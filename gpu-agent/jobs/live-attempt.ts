import type { KnownSecret } from "@trainyard/shared/redact.ts";
import type { AttemptFiles, Home } from "../home.ts";
import type { HostFacts } from "../host/host-facts.ts";
import type { Log } from "../log.ts";
import type { Spool, StreamKey } from "../spool.ts";
import type { Time } from "../time.ts";
import type { FollowedTraining, OutputPlace, Trainer } from "../trainers/trainer.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import type { AttemptSpec } from "./attempt-spec.ts";
import type { ProcessView } from "./process-identity.ts";
import type { LaunchShim } from "./shim-launcher.ts";
import type { LadderDeadlines } from "./stop-ladder.ts";

export interface RunnerEnvironment {
  readonly home: Home;
  readonly spool: Spool;
  readonly time: Time;
  readonly log: Log;
  readonly processes: ProcessView;
  readonly bootId: string;
  readonly launchShim: LaunchShim;
  readonly signal: (pid: number, signal: "SIGINT" | "SIGTERM" | "SIGKILL") => void;
  readonly secrets: readonly KnownSecret[];
  readonly deadlines?: LadderDeadlines;
  /** Free bytes on the disk of a folder, null where it cannot be told; the operating system's answer where it is not given. */
  readonly freeBytes?: (folder: string) => number | null;
  /** Where the memory of a training on a GPU is looked up; a box without one need not have it. */
  readonly gpu?: Pick<HostFacts, "gpus" | "gpuProcesses">;
  /** Items became durable; `urgent` ones are sent at once. */
  readonly onCommitted: (key: StreamKey, urgent: boolean) => void;
}

/** What all parts of one attempt's runner share. Only `memory` changes. */
export interface LiveAttempt {
  readonly key: StreamKey;
  readonly spec: AttemptSpec;
  readonly trainer: Trainer;
  readonly files: AttemptFiles;
  /** Null where its files cannot be read on this box. */
  readonly place: () => OutputPlace | null;
  /** Where another program runs it. */
  readonly followed: FollowedTraining | null;
  readonly createdAtMs: number;
  readonly memory: AttemptMemory;
  readonly environment: RunnerEnvironment;
}
