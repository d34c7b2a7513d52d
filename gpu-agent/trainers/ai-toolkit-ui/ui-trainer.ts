import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { withTotalSteps } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { attemptFiles } from "../../home.ts";
import { readPolicy } from "../../policy.ts";
import { findToolkit } from "../ai-toolkit/installation.ts";
import { toolkitDocument } from "../ai-toolkit/toolkit-document.ts";
import { isObject, objectAt } from "../box-document.ts";
import type { JsonObject } from "../box-document.ts";
import { toolkitCheckpoints, toolkitSamples } from "../toolkit-output.ts";
import type { PreparedTraining, PrepareRequest, Trainer, TrainerRequest } from "../trainer.ts";
import type { UiApi } from "./ui-api.ts";
import { readUiAttempt } from "./ui-attempt.ts";
import { createUiFollow } from "./ui-follow.ts";
import type { UiFollowDeps } from "./ui-following.ts";
import { isUiLocal } from "./ui-output.ts";
import { createUiPlace } from "./ui-place.ts";
import { gpusOfSlot } from "./ui-rows.ts";
import { fixOf } from "./ui-state.ts";
import type { UiState } from "./ui-state.ts";
import { UiProblem } from "./ui-server.ts";

export const uiTrainerName = "ai-toolkit-ui";

/** AI Toolkit through its own Web UI: jobs are made, started, stopped and followed by its API, so they show there too. */
export function createUiTrainer(deps: UiFollowDeps & { readonly state: UiState }): Trainer {
  const { api, state } = deps;
  return {
    name: uiTrainerName,
    async detect() {
      const { problem, version } = await state.look();
      return {
        name: uiTrainerName,
        found: problem === null,
        version,
        reason:
          problem === null
            ? null
            : `AI Toolkit's Web UI: ${problem.message} ${fixOf(problem)}`.slice(0, 300),
      };
    },
    prepare: (request) => prepareUiTraining(request, deps),
    checkpoints: toolkitCheckpoints,
    samples: toolkitSamples,
    follow: (request) => createUiFollow(request, deps),
    placeOf(files, { name }) {
      const attempt = readUiAttempt(files);
      return attempt === null ? null : createUiPlace({ ...deps, files, name }).look(attempt);
    },
    async isNameFree(name) {
      try {
        return (await api.jobs("all")).every((job) => job.name !== name);
      } catch (error) {
        if (error instanceof UiProblem) return true;
        throw error;
      }
    },
  };
}

async function prepareUiTraining(
  request: PrepareRequest,
  deps: UiFollowDeps,
): Promise<PreparedTraining> {
  const made = madeThere(request);
  if (made !== null) return trainingOf(made, request);
  await refuseElsewhere(deps.api);
  const { home } = request;
  const { environment } = deps;
  const { modelRoots, comfyuiRoots } = readPolicy(home, environment);
  const search = findToolkit(environment);
  const models =
    environment["MODELS_PATH"] ??
    (search.kind === "found" ? join(search.installation.root, "models") : null);
  const roots = [
    ...modelRoots,
    ...comfyuiRoots,
    home.outputs,
    ...(models === null ? [] : [models]),
  ];
  const { document, process, fileStem, finalFiles } = await toolkitDocument(request, roots);
  // Its own starter writes the place of its database there.
  process["sqlite_db_path"] = "./aitk_db.db";
  return { ...trainingOf(document, request), ...stemOf(fileStem, finalFiles, request) };
}

/** A resumed job that was made in the UI is started again as it stands there; only its steps may be others. */
function madeThere({ home, jobId, attempt, totalSteps }: PrepareRequest): JsonObject | null {
  if (attempt === 1) return null;
  const before = attemptFiles(home, jobId, attempt - 1);
  if (readUiAttempt(before)?.ours !== false || !existsSync(before.config)) return null;
  const document = JSON.parse(readFileSync(before.config, "utf8")) as JsonObject;
  return totalSteps === null ? document : withTotalSteps(document, totalSteps);
}

/** The part that is the same for a job of ours and for one that was made in the UI. */
export function trainingOf(
  document: JsonObject,
  { outputName, totalSteps, slot }: Pick<PrepareRequest, "outputName" | "totalSteps" | "slot">,
  queue = gpusOfSlot(slot),
): PreparedTraining {
  const config = objectAt(document, "config");
  const list = config["process"];
  const first: unknown = Array.isArray(list) ? list[0] : null;
  const process = isObject(first) ? first : {};
  const { kept, every } = metricsOfUi(process);
  const name = typeof config["name"] === "string" ? config["name"] : outputName;
  return {
    command: "",
    args: [],
    cwd: "",
    environment: {},
    configText: `${JSON.stringify(document, null, 2)}\n`,
    name,
    outputName,
    metricsDatabase: null,
    metricsEvery: every,
    elsewhere: { queue, requests: requestsOf(process), keepsMetrics: kept },
    totalSteps,
  };
}

function stemOf(
  fileStem: string,
  finalFiles: readonly string[],
  { outputName }: PrepareRequest,
): Partial<PreparedTraining> {
  return {
    ...(fileStem === outputName ? {} : { fileStem }),
    ...(finalFiles.length === 0 ? {} : { finalFiles }),
  };
}

/** Python's own default is not to log; Weights & Biases wins over the log of the UI (toolkit/logging_aitk.py at 27a03a91). */
function metricsOfUi(process: JsonObject): { readonly kept: boolean; readonly every: number } {
  const logging = objectAt(process, "logging");
  const every = logging["log_every"];
  return {
    kept: logging["use_ui_logger"] === true && logging["use_wandb"] !== true,
    every: typeof every === "number" && Number.isInteger(every) && every > 0 ? every : 1,
  };
}

/** Only `diffusion_trainer` looks at the flags of its row; any process can be stopped, since the UI interrupts it. */
function requestsOf(process: JsonObject): readonly TrainerRequest[] {
  return process["type"] === "diffusion_trainer" ? ["save", "sample", "stop"] : ["stop"];
}

/** The config names folders of this box: a UI on another one could not read them. */
async function refuseElsewhere(api: UiApi): Promise<void> {
  let folders: readonly string[];
  try {
    const { trainingFolder, datasetsFolder } = await api.settings();
    folders = [trainingFolder, datasetsFolder];
  } catch (error) {
    // Looked at again at each start of it; a server that is away now may be there then.
    if (error instanceof UiProblem) return;
    throw error;
  }
  if (isUiLocal(api, folders)) return;
  throw new AppError(
    "NOT_SUPPORTED",
    "AI Toolkit's Web UI runs on another machine, which cannot read the datasets of this box.",
    {
      hint: "Run the agent on the machine of the UI, or unset AI_TOOLKIT_SERVER_URL to train here. Jobs made in that UI are followed all the same.",
    },
  );
}
