import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseName } from "@trainyard/shared/names.ts";
import type { Announce, Announced } from "@trainyard/shared/protocol/messages.ts";
import { redact } from "@trainyard/shared/redact.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import { attemptFiles } from "../../home.ts";
import type { Home } from "../../home.ts";
import type { FoundAttempt } from "../../jobs/supervisor.ts";
import type { AttemptRow } from "../../spool.ts";
import { objectAt } from "../box-document.ts";
import { newUiAttempt, readUiAttempt, writeUiAttempt } from "./ui-attempt.ts";
import type { UiAttempt } from "./ui-attempt.ts";
import { configOfJob, isActive, jobOfRef, slotOfGpus } from "./ui-rows.ts";
import type { UiJob } from "./ui-rows.ts";
import { trainingOf, uiTrainerName } from "./ui-trainer.ts";

/** Where the edge stands with a job that was introduced to it. */
export type KnownAtEdge = Extract<Announced["outcome"], { ok: true }>;

export function uiAttemptOf(home: Home, { jobId, attempt }: AttemptRow): UiAttempt | null {
  return readUiAttempt(attemptFiles(home, jobId, attempt));
}

/**
 * The row tells of a run behind the last that was followed: it waits for one, or its pid is another one. The pid stays in the row
 * when a run is over, and is emptied when somebody marks it as stopped.
 */
export function isAnotherRun(row: UiJob, last: UiAttempt | null): boolean {
  if (row.status === "queued") return true;
  if (row.pid === null || last === null) return false;
  return row.pid !== last.pid && row.pid !== last.stalePid;
}

/** Null where its config cannot be read: nothing can be said of such a job. */
export function announcementOf(
  row: UiJob,
  jobId: string,
  trainerVersion: string | null,
  secrets: readonly KnownSecret[],
): Announce["job"] | null {
  const config = configOfJob(row);
  if (config === null) return null;
  return {
    jobId,
    jobName: shownName(row.name),
    trainer: uiTrainerName,
    trainerVersion,
    document: withoutSecrets(config.document, secrets),
    totalSteps: stepsOf(row, config.process),
    slot: slotOfGpus(row.gpu_ids),
    createdAtMs: row.created_at,
  };
}

/**
 * The attempt that this row is, given the last one that was followed here and what the edge knows from a spool that was lost.
 * Null: the edge has all of it.
 */
export function foundAttempt(
  row: UiJob,
  jobId: string,
  before: {
    readonly last: AttemptRow | null;
    readonly known: KnownAtEdge | null;
    readonly home: Home;
    readonly nowMs: number;
  },
): FoundAttempt | null {
  const config = configOfJob(row);
  const place = config === null ? null : placeOf(row, before);
  if (config === null || place === null) return null;
  const document = { ...config.document };
  const totalSteps = stepsOf(row, config.process);
  const slot = slotOfGpus(row.gpu_ids);
  const lastUi = before.last === null ? null : uiAttemptOf(before.home, before.last);
  return {
    ...place,
    args: {
      jobId,
      attempt: place.attempt,
      jobName: folderName(row.name, jobId),
      trainer: uiTrainerName,
      document,
      guardrails: noGuardrailRules,
      slot,
      totalSteps,
    },
    training: (outputName) => trainingOf(document, { outputName, totalSteps, slot }, row.gpu_ids),
    files: (files) =>
      writeUiAttempt(files, {
        ...newUiAttempt,
        uiJobId: row.id,
        name: row.name,
        ours: jobOfRef(row) !== null,
        placeBefore: row.queue_position,
        queueStarted: true,
        stalePid: row.status === "queued" ? row.pid : (lastUi?.pid ?? null),
      }),
  };
}

function placeOf(
  row: UiJob,
  {
    last,
    known,
    nowMs,
  }: {
    readonly last: AttemptRow | null;
    readonly known: KnownAtEdge | null;
    readonly nowMs: number;
  },
):
  | (Pick<FoundAttempt, "createdAtMs" | "acked" | "lastStep"> & { readonly attempt: number })
  | null {
  const fresh = { acked: 0, lastStep: null };
  // The server writes the row's time when it starts the process; Python does not touch it.
  const begun = Math.min(nowMs, row.updated_at);
  if (last !== null) return { ...fresh, attempt: last.attempt + 1, createdAtMs: begun };
  if (known === null || known.attempt === 0)
    return { ...fresh, attempt: 1, createdAtMs: Math.min(nowMs, row.created_at) };
  if (isTerminal(known.state))
    return isActive(row) ? { ...fresh, attempt: known.attempt + 1, createdAtMs: begun } : null;
  // What the edge has is not told twice: files from before now are announced already.
  const { attempt, acked, lastStep } = known;
  return { attempt, acked, lastStep, createdAtMs: nowMs };
}

/** Ended jobs that nobody here has seen: the newest few, the older of them first, so that a list shows them in order. */
export function endedToTake(
  rows: readonly UiJob[],
  isUnknown: (row: UiJob) => boolean,
  room: number,
): readonly UiJob[] {
  return rows
    .filter((row) => !isActive(row) && hasRun(row))
    .sort((a, b) => b.updated_at - a.updated_at)
    .slice(0, limits.uiBackfillJobs)
    .filter(isUnknown)
    .reverse()
    .slice(0, Math.max(0, room));
}

/** One that was taken out of its queue before it ran left nothing. */
function hasRun({ pid, step }: UiJob): boolean {
  return pid !== null || step > 0;
}

function stepsOf(row: UiJob, process: Readonly<Record<string, unknown>>): number | null {
  const steps = objectAt({ ...process }, "train")["steps"] ?? row.total_steps;
  return typeof steps === "number" && Number.isInteger(steps) && steps > 0 ? steps : null;
}

/** Text of the UI's user: data, whatever it holds. */
function shownName(name: string): string {
  return name.replaceAll(/\p{C}/gu, "?").slice(0, 255);
}

/** As a folder of files goes by outside. */
function folderName(name: string, jobId: string): string {
  const plain = name
    .replaceAll(/[^A-Za-z0-9._-]+/g, "_")
    .replace(/^[._-]+/, "")
    .slice(0, limits.nameCharacters)
    .replace(/\.+$/, "");
  try {
    return parseName("output", plain);
  } catch {
    return `ui-${jobId.slice("job_".length, "job_".length + 8)}`;
  }
}

function withoutSecrets(
  document: Readonly<Record<string, unknown>>,
  secrets: readonly KnownSecret[],
): Record<string, unknown> {
  const text = redact(JSON.stringify(document), secrets);
  if (text.length > limits.configBytes) return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
