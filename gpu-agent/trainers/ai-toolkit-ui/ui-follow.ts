import { readFileSync } from "node:fs";
import type { ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { errorFields } from "../../log.ts";
import type { FollowedTraining, FollowLook, FollowRequest } from "../trainer.ts";
import { askUi, signalProcess } from "./ui-ask.ts";
import { judgeUi } from "./ui-end.ts";
import { fetchMetrics, mirror, readWhatIsHere, unlessBroken } from "./ui-fetch.ts";
import { configPathOf, openFollowing, save, settingsOf } from "./ui-following.ts";
import type { Following, UiFollowDeps } from "./ui-following.ts";
import { launchInUi } from "./ui-launch.ts";
import type { UiLaunch } from "./ui-launch.ts";
import { endedAtMs, evidenceOf, judgeFinal } from "./ui-outcome.ts";
import { isActive } from "./ui-rows.ts";
import type { UiJob } from "./ui-rows.ts";
import { UiProblem } from "./ui-server.ts";
import { stoppedThere } from "./ui-stop.ts";
import { leftRunning, tellOfDeletion, tellOfGap, tellOfSilence, tellOnce } from "./ui-tell.ts";

export function createUiFollow(request: FollowRequest, deps: UiFollowDeps): FollowedTraining {
  const following = openFollowing(request, deps);
  const { rhythm, sight, news, process } = following;
  return {
    refresh: (look) => refresh(following, look),
    metrics: following.metrics,
    ask: (what) => askUi(following, what),
    takeNews: () => news.splice(0),
    stopWanted: () => stoppedThere(sight.row(), following.end),
    observedAtMs: () => rhythm.answeredAtMs() ?? request.createdAtMs,
    endedAtMs: () => endedAtMs(following),
    place: () => following.place.look(following.state),
    judgeFinal: () => judgeFinal(following),
    evidence: () => evidenceOf(following),
    watch: {
      launch: () => undefined,
      look: () => following.end,
      takeStarted() {
        if (following.startTold || !following.state.began) return null;
        following.startTold = true;
        return { process: process.identity() };
      },
      alive: () => following.end === null,
      canSignal: () => process.identity() !== null,
      signal: (effect) => signalProcess(following, effect),
      // A process that carries this job's mark may be its next run: nothing is cleared away.
      killLeftovers: () => undefined,
    },
  };
}

async function refresh(following: Following, look: FollowLook): Promise<void> {
  const { rhythm, deps, request } = following;
  if (following.end !== null || !rhythm.isDue(look)) return;
  try {
    await askAnew(following, look);
    rhythm.answered();
    if (isHurried(following)) rhythm.soon();
    tellOfSilence(following, null);
  } catch (error) {
    rhythm.failed();
    const problem =
      error instanceof UiProblem ? error : new UiProblem("odd", "Its answer could not be used.");
    if (!(error instanceof UiProblem))
      deps.log("error", "a UI job could not be followed", {
        ...request.key,
        ...errorFields(error),
      });
    tellOfSilence(following, problem);
    endWithoutServer(following, look, problem);
  }
}

/** One round of questions; what they bring belongs to one moment, and the log is read before the end is judged by it. */
async function askAnew(following: Following, look: FollowLook): Promise<void> {
  const { deps, sight } = following;
  const row = await askForRow(following);
  following.rhythm.progressed();
  sight.take(row);
  // A row that was not seen to be started says nothing of this attempt.
  if (row !== null && !following.state.queueStarted) return;
  if (row !== null) noticeBegin(following, row);
  if (row !== null && isNextRun(following, row)) {
    giveUpRun(following);
    return;
  }
  if (following.state.began)
    await unlessBroken(following, "log", false, () => mirror(following, false));
  const facts = sight.facts({
    began: following.state.began,
    configPath: configPathOf(following.state),
    copy: following.request.files.stdout,
    stopMarker: look.stopMarker,
    rebooted: following.request.bootId !== deps.bootId,
  });
  if (facts === null) return;
  keepProcess(following);
  tellOfDeletion(following, facts.row === null && facts.process === "alive");
  const verdict = judgeUi(facts);
  if (verdict.kind === "waiting") tellOnce(following, "waitingTold", { kind: "waiting" });
  if (verdict.kind === "stopping") {
    const stop = stoppedThere(sight.row(), null);
    if (stop !== null) tellOnce(following, "stoppingTold", { kind: "stopping", ...stop });
  }
  const isOver = verdict.kind === "ended";
  if (following.state.began && facts.row !== null) {
    if (isOver) await unlessBroken(following, "log", true, () => mirror(following, true));
    await unlessBroken(following, "metrics", isOver, () =>
      fetchMetrics(following, look.metricsStep, isOver),
    );
  }
  if (isOver) await finish(following, verdict.end);
}

async function askForRow(following: Following): Promise<UiJob | null> {
  const { api } = following.deps;
  const { trainingFolder } = await settingsOf(following);
  const { state } = following;
  if (state.queueStarted && state.uiJobId !== null) return api.job(state.uiJobId);
  const launched = await launchInUi(state, launchOf(following), {
    api,
    trainingFolder,
    save(next) {
      save(following, next);
      // A step that is made is an answer: what fails behind it is tried again soon.
      following.rhythm.progressed();
    },
  });
  following.state = launched.state;
  return launched.row;
}

function launchOf({ request, state }: Following): UiLaunch {
  const { key, training, files } = request;
  return {
    jobId: key.jobId,
    name: training.name,
    gpuIds: training.elsewhere?.queue ?? "0",
    config(name, trainingFolder) {
      const document = JSON.parse(readFileSync(files.config, "utf8")) as {
        config: { name: string; process: Record<string, unknown>[] };
      };
      // Where the UI looks for what Python writes; of a job that was made there it stays as it is.
      if (state.ours) {
        document.config.name = name;
        for (const process of document.config.process) process["training_folder"] = trainingFolder;
      }
      return document;
    },
  };
}

/** The row is marked as running before its process is there, with the pid of the run before. */
function noticeBegin(following: Following, row: UiJob): void {
  const { state } = following;
  if (state.began || row.status === "queued") return;
  if (row.pid === null || row.pid === state.stalePid) return;
  save(following, { ...state, began: true, pid: row.pid, name: row.name });
}

/** The row is that of a later run by now, and so is the log. */
function isNextRun({ state, process }: Following, row: UiJob): boolean {
  if (!state.began || row.pid === null || row.pid === state.pid) return false;
  return process.look(configPathOf(state), state.pid) !== "alive" || process.identity() === null;
}

/** What its process did at its end nobody can tell any more. */
function giveUpRun(following: Following): void {
  following.end = { kind: "vanished" };
  tellOfGap(
    following,
    "The job was started anew in the Web UI before the end of this run was read: see its logs folder.",
  );
}

function keepProcess(following: Following): void {
  const identity = following.process.identity();
  if (identity === null || following.state.process !== null) return;
  save(following, { ...following.state, process: identity });
}

async function finish(following: Following, end: ProcessEnd): Promise<void> {
  const { sight, state, deps } = following;
  following.end = end;
  const row = sight.row();
  if (end.kind === "deleted" || row?.status !== "running" || row.pid !== state.pid) return;
  if (!state.ours || state.uiJobId === null) {
    following.news.push(leftRunning(deps.time.now()));
    return;
  }
  // Ours, and its process is gone: a row that stays at `running` would keep its queue from starting anything.
  await deps.api.markStopped(state.uiJobId).catch(() => undefined);
}

/** What can end an attempt while its server does not answer: that it never took the job, or what this box itself can see. */
function endWithoutServer(following: Following, look: FollowLook, problem: UiProblem): void {
  const { deps, state, sight, process, begunAt } = following;
  if (state.placeBefore === null && !state.queueStarted) {
    const isFinal = problem.kind === "conflict";
    if (!isFinal && deps.time.monotonic() - begunAt < limits.uiStartMs) return;
    const reason = `The Web UI did not take the job: ${problem.message}`;
    following.end = { kind: "spawn-failed", reason };
    return;
  }
  if (process.identity() === null) return;
  const facts = sight.facts({
    began: true,
    configPath: configPathOf(state),
    copy: following.request.files.stdout,
    stopMarker: look.stopMarker,
    rebooted: following.request.bootId !== deps.bootId,
  });
  if (facts === null || facts.process !== "gone" || facts.goneMs < limits.uiQuietMs) return;
  readWhatIsHere(following, look);
  const verdict = judgeUi({ ...facts, row: { status: "running", stop: false, pid: null } });
  if (verdict.kind === "ended") following.end = verdict.end;
}

/** About to change: an end is a moment away, or the process is. */
function isHurried({ sight, state, end }: Following): boolean {
  const row = sight.row();
  if (end !== null || row === null) return false;
  if (!state.queueStarted || !isActive(row)) return true;
  return row.status === "running" && !state.began;
}
