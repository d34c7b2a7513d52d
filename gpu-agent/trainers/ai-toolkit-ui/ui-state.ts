import { join } from "node:path";
import { limits } from "@trainyard/shared/limits.ts";
import type { Time } from "../../time.ts";
import { findToolkit } from "../ai-toolkit/installation.ts";
import type { UiApi, UiQueue, UiSettings } from "./ui-api.ts";
import { UiProblem } from "./ui-server.ts";

export interface UiLook {
  /** Null: it answers and takes the token. */
  readonly problem: UiProblem | null;
  /** Of AI Toolkit. No route tells it: known where the server is the one of the toolkit on this box. */
  readonly version: string | null;
  readonly settings: UiSettings | null;
  readonly queues: readonly UiQueue[];
  readonly running: number;
  readonly queued: number;
}

/** How the UI's server is, asked at most once in a few seconds whoever wants to know. */
export interface UiState {
  /** Never throws. */
  look(): Promise<UiLook>;
}

const keepMs = 5_000;

export function createUiState(
  api: UiApi,
  time: Pick<Time, "monotonic">,
  environment: Readonly<Record<string, string | undefined>>,
): UiState {
  let known: { readonly atMs: number; readonly look: Promise<UiLook> } | null = null;
  return {
    look() {
      if (known === null || time.monotonic() - known.atMs > keepMs)
        known = { atMs: time.monotonic(), look: lookAt(api, environment) };
      return known.look;
    },
  };
}

async function lookAt(
  api: UiApi,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<UiLook> {
  try {
    await api.auth();
    const settings = await api.settings();
    const [queues, active] = await Promise.all([api.queues(), api.jobs("active")]);
    const counted = (status: string): number =>
      active.filter((job) => job.status === status).length;
    return {
      problem: null,
      version: versionBeside(settings, environment),
      settings,
      queues,
      running: counted("running"),
      queued: counted("queued"),
    };
  } catch (error) {
    const problem =
      error instanceof UiProblem ? error : new UiProblem("odd", "Its answer could not be used.");
    return { problem, version: null, settings: null, queues: [], running: 0, queued: 0 };
  }
}

function versionBeside(
  { trainingFolder }: UiSettings,
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  const search = findToolkit(environment);
  if (search.kind !== "found") return null;
  const { root, version } = search.installation;
  return trainingFolder === join(root, "output") ? version : null;
}

/** What its owner can do about it. */
export function fixOf({ kind }: UiProblem): string {
  if (kind === "setting")
    return "Correct it for the agent, for example AI_TOOLKIT_SERVER_URL=http://127.0.0.1:8675.";
  if (kind === "unauthorized")
    return "Set AI_TOOLKIT_AUTH for the agent to the token that the server was started with.";
  return kind === "unreachable"
    ? "Start it (npm run build_and_start in the toolkit's ui folder), or correct AI_TOOLKIT_SERVER_URL; its port is 8675 unless it was changed."
    : "Let AI_TOOLKIT_SERVER_URL name the Web UI of AI Toolkit: what answers there is something else, or broken.";
}

/** A hello must not wait for a server that hangs. */
export const uiLookLimits = {
  answerMs: limits.uiLookMs,
  answerBytes: limits.uiAnswerBytes,
} as const;
