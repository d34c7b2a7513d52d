import { limits } from "@trainyard/shared/limits.ts";
import type { Time } from "../../time.ts";
import type { Trainer } from "../trainer.ts";
import { createUiApi } from "./ui-api.ts";
import type { UiFollowDeps } from "./ui-following.ts";
import { createUiJobs } from "./ui-jobs.ts";
import type { UiJobs, UiJobsDeps } from "./ui-jobs.ts";
import { createUiServer, uiAddress, UiProblem } from "./ui-server.ts";
import type { UiServer, UiServerLimits } from "./ui-server.ts";
import { createUiState, uiLookLimits } from "./ui-state.ts";
import type { UiLook, UiState } from "./ui-state.ts";
import { createUiTrainer } from "./ui-trainer.ts";

/** Everything about the Web UI of AI Toolkit, as this box's environment names it. */
export interface OpenUi {
  /** Its server is named, rightly or not. */
  readonly configured: boolean;
  readonly trainer: Trainer;
  readonly state: UiState;
  jobs(deps: Pick<UiJobsDeps, "spool" | "supervisor" | "announce" | "release">): UiJobs;
}

export function openUi(
  deps: Omit<UiFollowDeps, "api"> & { readonly stopping: AbortSignal },
): OpenUi {
  const { environment, time, stopping } = deps;
  const open = serverOf(environment);
  const bounds = { answerBytes: limits.uiAnswerBytes, signal: stopping };
  const api = createUiApi(open({ ...bounds, answerMs: limits.uiAnswerMs }));
  const state = createUiState(
    createUiApi(open({ ...uiLookLimits, signal: stopping })),
    time,
    environment,
  );
  const trainer = createUiTrainer({ ...deps, api, state });
  return {
    configured: isNamed(environment),
    trainer,
    state,
    jobs: (more) =>
      createUiJobs({
        ...deps,
        ...more,
        api,
        version: async () => (await state.look()).version,
      }),
  };
}

/** How the server is, for somebody who wants to know only that; null where none is named. */
export async function lookAtUi(
  environment: UiFollowDeps["environment"],
  time: Pick<Time, "monotonic">,
): Promise<{ readonly shown: string; readonly look: UiLook } | null> {
  if (!isNamed(environment)) return null;
  const api = createUiApi(serverOf(environment)(uiLookLimits));
  return {
    shown: api.address.shown,
    look: await createUiState(api, time, environment).look(),
  };
}

function isNamed(environment: UiFollowDeps["environment"]): boolean {
  return (environment["AI_TOOLKIT_SERVER_URL"]?.trim() ?? "") !== "";
}

/** An address that is none answers every question with what is wrong with it. */
function serverOf(environment: UiFollowDeps["environment"]): (bounds: UiServerLimits) => UiServer {
  try {
    const address = uiAddress(environment);
    if (address !== null) return (bounds) => createUiServer(address, bounds);
    return () => broken(new UiProblem("unreachable", "AI_TOOLKIT_SERVER_URL is not set."));
  } catch (error) {
    if (!(error instanceof UiProblem)) throw error;
    return () => broken(error);
  }
}

function broken(problem: UiProblem): UiServer {
  return {
    address: { url: "", shown: "AI_TOOLKIT_SERVER_URL", loopback: false, bearer: null },
    json: () => Promise.reject(problem),
    bytes: () => Promise.reject(problem),
  };
}
