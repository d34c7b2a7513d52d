import type { UiApi, UiNewJob } from "./ui-api.ts";
import type { UiAttempt } from "./ui-attempt.ts";
import { isActive, refOfJob } from "./ui-rows.ts";
import type { UiJob } from "./ui-rows.ts";
import { UiProblem } from "./ui-server.ts";

export interface UiLaunch {
  readonly jobId: string;
  readonly name: string;
  readonly gpuIds: string;
  /** The config, for a job of this name in this training folder. */
  readonly config: (name: string, trainingFolder: string) => unknown;
}

export interface LaunchDeps {
  readonly api: UiApi;
  readonly trainingFolder: string;
  /** Durable when it returns. */
  readonly save: (state: UiAttempt) => void;
}

/**
 * Brings the job into the UI and to a start, one durable step after the other; asked again after any break it goes on where it
 * stood. A row that runs is never written to, and nothing is started twice: a start gives the row another place in the queue, so
 * whether one was made can be seen. Returns the row as it is then. Throws UiProblem.
 */
export async function launchInUi(
  before: UiAttempt,
  launch: UiLaunch,
  deps: LaunchDeps,
): Promise<{ readonly state: UiAttempt; readonly row: UiJob | null }> {
  const made = await ensureRow(before, launch, deps);
  const started = await ensureStarted(made.state, made.row, deps);
  const state = await ensureQueue(started.state, started.row, deps);
  return { state, row: started.row };
}

async function ensureRow(
  before: UiAttempt,
  launch: UiLaunch,
  { api, trainingFolder, save }: LaunchDeps,
): Promise<{ readonly state: UiAttempt; readonly row: UiJob | null }> {
  const known =
    before.uiJobId === null
      ? // An earlier answer may have been lost, and an earlier attempt has the row already.
        await api.jobByRef(refOfJob(launch.jobId))
      : await api.job(before.uiJobId);
  if (before.uiJobId !== null && known === null) return { state: before, row: null };
  const row = known ?? (await create(api, launch, trainingFolder));
  const state = { ...before, uiJobId: row.id, name: row.name };
  if (before.uiJobId === null) save(state);
  // A resume may train further than the row says. One that runs or waits is left as it is.
  const isFresh = state.placeBefore === null && !isActive(row);
  if (known !== null && isFresh)
    await api.update(row.id, newJob(launch, row.name, trainingFolder, before.ours));
  return { state, row };
}

/** Somebody's job may have the name meanwhile: that is a conflict, and nobody's row is written over. */
async function create(api: UiApi, launch: UiLaunch, trainingFolder: string): Promise<UiJob> {
  try {
    return await api.create(newJob(launch, launch.name, trainingFolder));
  } catch (error) {
    if (!(error instanceof UiProblem) || error.kind !== "conflict") throw error;
    // Ours, where the first answer was lost on a connection that had been kept, and the question was put again.
    const made = await api.jobByRef(refOfJob(launch.jobId));
    if (made === null) throw error;
    return made;
  }
}

/** A row that was made in the UI keeps its own reference. */
function newJob(
  { gpuIds, jobId, config }: UiLaunch,
  name: string,
  trainingFolder: string,
  ours = true,
): UiNewJob {
  const base = { name, gpuIds, config: config(name, trainingFolder) };
  return ours ? { ...base, ref: refOfJob(jobId) } : base;
}

async function ensureStarted(
  before: UiAttempt,
  row: UiJob | null,
  { api, save }: LaunchDeps,
): Promise<{ readonly state: UiAttempt; readonly row: UiJob | null }> {
  if (row === null || before.uiJobId === null) return { state: before, row };
  const wasStarted =
    isActive(row) || (before.placeBefore !== null && row.queue_position !== before.placeBefore);
  if (wasStarted && before.placeBefore !== null) return { state: before, row };
  const state =
    before.placeBefore !== null
      ? before
      : { ...before, placeBefore: row.queue_position, stalePid: row.pid };
  if (state !== before) save(state);
  if (wasStarted) return { state, row };
  await api.enqueue(before.uiJobId);
  // Its answer is the row as it was before.
  return { state, row: await api.job(before.uiJobId) };
}

/** A start only queues, and the queue that it makes does not run. */
async function ensureQueue(
  before: UiAttempt,
  row: UiJob | null,
  { api, save }: LaunchDeps,
): Promise<UiAttempt> {
  if (before.queueStarted || row === null) return before;
  if (row.status === "queued") {
    const queues = await api.queues();
    const runs = queues.some(({ gpuIds, running }) => gpuIds === row.gpu_ids && running);
    if (!runs) {
      await api.startQueue(row.gpu_ids);
      // Only what is seen to run next time is believed to.
      return before;
    }
  }
  // It is not queued yet, where the answer to the start was no start.
  if (row.status === "stopped" && row.queue_position === before.placeBefore) return before;
  const state = { ...before, queueStarted: true };
  save(state);
  return state;
}
