import { statSync } from "node:fs";
import { concludeAttempt } from "@trainyard/shared/jobs/conclude.ts";
import type {
  Conclusion,
  FinalArtifact,
  ProcessEnd,
  StopWanted,
} from "@trainyard/shared/jobs/conclude.ts";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import { redact } from "@trainyard/shared/redact.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import type { AttemptFiles } from "../home.ts";
import { errorFields } from "../log.ts";
import type { Log } from "../log.ts";
import { hashInside } from "../models/file-hash.ts";
import type { Spool, StreamKey } from "../spool.ts";
import type { Time } from "../time.ts";
import { pathInside } from "../safe-path.ts";
import type {
  CheckpointFile,
  OutputPlace,
  PreparedTraining,
  Trainer,
} from "../trainers/trainer.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import { diagnoseLogs } from "./diagnose-logs.ts";
import type { LiveAttempt } from "./live-attempt.ts";
import { folderOf } from "./output-folder.ts";

/** Clocks of files and of this process differ by less; an earlier attempt's files are older than that. */
const clockSlackMs = 2_000;

export interface EndedAttempt {
  readonly key: StreamKey;
  readonly files: AttemptFiles;
  readonly end: ProcessEnd;
  readonly memory: AttemptMemory;
  readonly stopWanted: StopWanted | null;
  readonly forced: boolean;
  readonly training: PreparedTraining;
  readonly place: OutputPlace | null;
  /** For files that are not on this box. */
  readonly judgeFinal: () => Promise<FinalArtifact | null>;
  readonly createdAtMs: number;
  /** Name of the trainer. */
  readonly trainer: string;
}

interface ConcludeEnvironment {
  readonly spool: Spool;
  readonly time: Time;
  readonly log: Log;
  readonly secrets: readonly KnownSecret[];
}

/** Puts the evidence together: the process's end, what was read, and the files that are there. */
export async function concludeFromFiles(
  attempt: EndedAttempt,
  trainer: Trainer,
  { spool, time, log, secrets }: ConcludeEnvironment,
): Promise<{ readonly conclusion: Conclusion; readonly items: readonly Item[] }> {
  const { memory, training } = attempt;
  const finals = finalFiles(attempt, trainer);
  const hashed = await hashFinals(finals, attempt, { spool, log });
  const finalArtifact =
    attempt.place === null ? await attempt.judgeFinal() : artifactOf(finals, hashed, training);
  const errorLine = memory.errorLine ?? memory.lastTracebackLine;
  const conclusion = concludeAttempt({
    end: attempt.end,
    stopWanted:
      attempt.stopWanted === null
        ? null
        : { by: attempt.stopWanted.by, reason: attempt.stopWanted.reason },
    stopMarkerSeen: memory.stopMarker,
    forced: attempt.forced,
    finalArtifact,
    completedSteps: memory.currentStep,
    totalSteps: memory.totalSteps,
    nanSteps: memory.guardrail.nanSteps,
    oomSkipped: memory.oomSkipped,
    errorLine: errorLine === null ? null : redact(errorLine, secrets),
    diagnosis: diagnoseLogs(attempt, secrets),
    wholeCheckpoint: checkpointsAt(attempt.place, trainer, training).some(
      ({ valid, final }) => valid && !final,
    ),
    languageModel: attempt.trainer === "llm",
  });
  const items = hashed.map(({ file, part, sha256, bytes }): Item => ({
    kind: "artifact",
    atMs: time.now(),
    name: part,
    path: virtualPath(training, part),
    bytes,
    sha256,
    step: file.step,
  }));
  return { conclusion, items };
}

/** What this attempt left as its result; an earlier attempt's files are older. */
function finalFiles(
  { training, place, createdAtMs }: EndedAttempt,
  trainer: Trainer,
): readonly CheckpointFile[] {
  const named = training.finalFiles ?? null;
  return checkpointsAt(place, trainer, training)
    .filter((file) => file.final && file.modifiedAtMs >= createdAtMs - clockSlackMs)
    .filter((file) => named === null || named.includes(file.name));
}

function checkpointsAt(
  place: OutputPlace | null,
  trainer: Trainer,
  { fileStem, name }: PreparedTraining,
): readonly CheckpointFile[] {
  const folder = folderOf(place);
  return folder === null ? [] : trainer.checkpoints(folder, fileStem ?? name);
}

interface HashedPart {
  readonly file: CheckpointFile;
  readonly part: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Empty when one of them cannot be vouched for: half a model is none. */
async function hashFinals(
  finals: readonly CheckpointFile[],
  { key, training, place }: EndedAttempt,
  { spool, log }: Pick<ConcludeEnvironment, "spool" | "log">,
): Promise<readonly HashedPart[]> {
  if (place === null || !isComplete(finals, training)) return [];
  const { root, folder } = place;
  const hashed: HashedPart[] = [];
  try {
    for (const file of finals) {
      for (const part of file.parts) {
        const segments = [folder, ...part.split("/")];
        const { size } = statSync(pathInside(root, segments));
        hashed.push({
          file,
          part,
          bytes: size,
          sha256: await hashInside(spool, root, segments),
        });
      }
    }
    return hashed;
  } catch (error) {
    // What cannot be read whole is no model, and the attempt's end must not wait for it.
    log("error", "the final model cannot be read", { ...key, ...errorFields(error) });
    return [];
  }
}

function isComplete(finals: readonly CheckpointFile[], { finalFiles }: PreparedTraining): boolean {
  return (
    finals.length > 0 &&
    finals.every(({ valid }) => valid) &&
    (finalFiles ?? []).every((name) => finals.some((file) => file.name === name))
  );
}

function artifactOf(
  finals: readonly CheckpointFile[],
  hashed: readonly HashedPart[],
  training: PreparedTraining,
): FinalArtifact | null {
  const last = finals.at(-1);
  if (last === undefined) return null;
  return {
    path: virtualPath(training, last.name),
    bytes: finals.reduce((sum, { bytes }) => sum + bytes, 0),
    valid: hashed.length > 0,
    step: last.step,
  };
}

/** Steps that the bar counted and the trainer's database never showed: a process that was killed had not written them. */
export function lostMetrics({
  memory,
  spec,
  environment,
}: Pick<LiveAttempt, "memory" | "spec" | "environment">): Extract<Item, { kind: "gap" }> | null {
  const { metricsDatabase, metricsEvery = 1, elsewhere } = spec.training;
  const isKept = metricsDatabase !== null || elsewhere?.keepsMetrics === true;
  if (!isKept || memory.currentStep === null) return null;
  const fromStep = Math.max(memory.metricsStep + 1, memory.startStep ?? 0);
  const toStep = memory.currentStep - 1;
  const lastLogged = Math.floor(toStep / metricsEvery) * metricsEvery;
  if (lastLogged < fromStep) return null;
  return {
    kind: "gap",
    atMs: environment.time.now(),
    what: "metrics",
    fromStep,
    toStep,
    reason: "The trainer ended before it wrote the metrics of these steps to its database.",
  };
}

interface OutputLook {
  readonly place: OutputPlace | null;
  readonly training: PreparedTraining;
  readonly memory: AttemptMemory;
  readonly createdAtMs: number;
  readonly nowMs: number;
}

/** Checkpoints that the stream does not hold yet. While it runs only whole ones: a file may still be growing. */
export function checkpointItems(
  trainer: Trainer,
  { training, memory, place, nowMs, createdAtMs, last }: OutputLook & { readonly last: boolean },
): readonly { readonly item: Extract<Item, { kind: "checkpoint" }>; readonly name: string }[] {
  const announced = new Set(memory.announced);
  return checkpointsAt(place, trainer, training)
    .filter((file) => file.modifiedAtMs >= createdAtMs - clockSlackMs && !announced.has(file.name))
    .filter((file) => file.valid || last)
    .map((file) => ({
      name: file.name,
      item: {
        kind: "checkpoint",
        atMs: nowMs,
        step: file.final ? null : file.step,
        path: virtualPath(training, file.name),
        bytes: file.bytes,
        valid: file.valid,
        final: file.final,
      },
    }));
}

export function sampleItems(
  trainer: Trainer,
  { training, memory, place, nowMs, createdAtMs }: OutputLook,
): readonly Extract<Item, { kind: "sample" }>[] {
  const mark = memory.sampleMark;
  const folder = folderOf(place);
  if (folder === null) return [];
  return trainer
    .samples(folder)
    .filter(
      ({ step, index }) =>
        mark === null || step > mark.step || (step === mark.step && index > mark.index),
    )
    .filter(({ writtenAtMs, bytes }) => writtenAtMs >= createdAtMs - clockSlackMs && bytes > 0)
    .map(({ name, step, index, bytes }) => ({
      kind: "sample",
      atMs: nowMs,
      step,
      index,
      path: virtualPath(training, name),
      bytes,
    }));
}

/** The form in which files of the box go by outside: below the virtual root. */
function virtualPath({ outputName }: Pick<PreparedTraining, "outputName">, name: string): string {
  return `outputs/${outputName}/${name}`;
}
