import { join } from "node:path";
import type { ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import { attemptFiles } from "../../home.ts";
import type { Home } from "../../home.ts";
import type { ProcessView } from "../../jobs/process-identity.ts";
import type { Log } from "../../log.ts";
import type { Time } from "../../time.ts";
import type { FollowedNews, FollowRequest } from "../trainer.ts";
import type { UiApi, UiSettings } from "./ui-api.ts";
import { newUiAttempt, readUiAttempt, writeUiAttempt } from "./ui-attempt.ts";
import type { UiAttempt } from "./ui-attempt.ts";
import { createUiMetrics } from "./ui-metrics.ts";
import type { UiMetrics } from "./ui-metrics.ts";
import { isUiLocal } from "./ui-output.ts";
import { createUiPlace } from "./ui-place.ts";
import type { UiPlace } from "./ui-place.ts";
import { watchUiProcess } from "./ui-process.ts";
import type { UiProcessWatch } from "./ui-process.ts";
import { createUiRhythm } from "./ui-rhythm.ts";
import type { UiRhythm } from "./ui-rhythm.ts";
import { UiProblem } from "./ui-server.ts";
import { createUiSight } from "./ui-sight.ts";
import type { UiSight } from "./ui-sight.ts";

export interface UiFollowDeps {
  readonly api: UiApi;
  readonly home: Home;
  readonly time: Time;
  readonly log: Log;
  readonly processes: ProcessView;
  readonly bootId: string;
  readonly signal: (pid: number, signal: "SIGINT" | "SIGTERM" | "SIGKILL") => void;
  readonly secrets: readonly KnownSecret[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly random?: () => number;
}

/** One job of the UI while it is followed. */
export interface Following {
  readonly request: FollowRequest;
  readonly deps: UiFollowDeps;
  readonly rhythm: UiRhythm;
  readonly metrics: UiMetrics;
  readonly process: UiProcessWatch;
  readonly sight: UiSight;
  readonly place: UiPlace;
  readonly news: FollowedNews[];
  /** Counted from here: until then the UI must have taken it. */
  readonly begunAt: number;
  state: UiAttempt;
  settings: UiSettings | null;
  settingsAt: number;
  end: ProcessEnd | null;
  /** The process was told of, or that there is none to be seen. */
  startTold: boolean;
  waitingTold: boolean;
  stoppingTold: boolean;
  silenceTold: boolean;
  deletedTold: boolean;
  /** Failures of a route in a row, at the end. */
  readonly broken: { log: number; metrics: number };
}

export function openFollowing(request: FollowRequest, deps: UiFollowDeps): Following {
  const { api, home, time, processes, bootId } = deps;
  const state = readUiAttempt(request.files) ?? firstState(request, home);
  const settingsFolders = (): readonly string[] =>
    following.settings === null
      ? []
      : [following.settings.trainingFolder, following.settings.datasetsFolder];
  const process = watchUiProcess(processes, {
    known: state.process,
    bootId,
    local: () => isUiLocal(api, settingsFolders()),
  });
  const following: Following = {
    request,
    deps,
    rhythm: createUiRhythm(time, deps.random),
    metrics: createUiMetrics(api, request.sinceWall),
    process,
    sight: createUiSight(time, process),
    place: createUiPlace({ ...deps, files: request.files, name: request.training.name }),
    news: [],
    begunAt: time.monotonic(),
    state,
    settings: null,
    settingsAt: Number.NEGATIVE_INFINITY,
    end: null,
    startTold: false,
    waitingTold: false,
    stoppingTold: false,
    silenceTold: false,
    deletedTold: false,
    broken: { log: 0, metrics: 0 },
  };
  return following;
}

/** A resume goes on with the row of the attempt before. */
function firstState({ key }: FollowRequest, home: Home): UiAttempt {
  const before =
    key.attempt > 1 ? readUiAttempt(attemptFiles(home, key.jobId, key.attempt - 1)) : null;
  if (before === null) return newUiAttempt;
  const { uiJobId, name, ours, trainingFolder } = before;
  return { ...newUiAttempt, uiJobId, name, ours, trainingFolder };
}

const settingsKeepMs = 60_000;

export async function settingsOf(following: Following): Promise<UiSettings> {
  const { api, time } = following.deps;
  if (following.settings === null || time.monotonic() - following.settingsAt > settingsKeepMs) {
    try {
      following.settings = await api.settings();
      following.settingsAt = time.monotonic();
    } catch (error) {
      // They hardly ever change: the ones that are known do.
      if (following.settings === null || !(error instanceof UiProblem)) throw error;
    }
  }
  const { trainingFolder } = following.settings;
  if (following.state.trainingFolder !== trainingFolder)
    save(following, { ...following.state, trainingFolder });
  return following.settings;
}

export function save(following: Following, state: UiAttempt): void {
  writeUiAttempt(following.request.files, state);
  following.state = state;
}

export function configPathOf({ trainingFolder, name }: UiAttempt): string | null {
  return trainingFolder === null || name === null
    ? null
    : join(trainingFolder, name, ".job_config.json");
}
