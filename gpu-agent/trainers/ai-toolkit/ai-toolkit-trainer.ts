import { join } from "node:path";
import { limits } from "@trainyard/shared/limits.ts";
import type { Home } from "../../home.ts";
import type { Log } from "../../log.ts";
import { errorFields } from "../../log.ts";
import { readPolicy } from "../../policy.ts";
import type { Time } from "../../time.ts";
import { metricsOf } from "../box-document.ts";
import { connectionMs, jobTableControl } from "../job-table.ts";
import { toolkitCheckpoints, toolkitSamples } from "../toolkit-output.ts";
import type { PreparedTraining, PrepareRequest, Trainer, TrainerFact } from "../trainer.ts";
import { checkImports, importKey, loadImportCheck, saveImportCheck } from "./import-check.ts";
import type { ImportCheck } from "./import-check.ts";
import { findToolkit } from "./installation.ts";
import type { ToolkitInstallation, ToolkitSearch } from "./installation.ts";
import { toolkitDocument } from "./toolkit-document.ts";

/** Values it needs and nobody else: downloads of gated models, and Weights & Biases where a config asks for it. */
const inherits = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "WANDB_ENTITY"];

/** AI Toolkit by ostris, run as its own web UI runs it: `python run.py <config>` in its folder. */
export function createAiToolkitTrainer(deps: {
  readonly home: Home;
  readonly time: Time;
  readonly log: Log;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}): Trainer {
  const { home, time, log, environment = process.env } = deps;
  const memory = join(home.agent, "ai-toolkit-imports.json");
  let running: Promise<ImportCheck> | null = null;

  /** The answer for this very installation, or null while it is being looked for. */
  const importsOf = (installation: ToolkitInstallation): ImportCheck | null => {
    const known = loadImportCheck(memory);
    const current = known !== null && known.key === importKey(installation) ? known : null;
    // A driver or a network drive may come back without any file changing.
    const stale = current?.problem != null && time.now() - current.atMs > limits.importCheckAgainMs;
    if (current !== null && !stale) return current;
    running ??= checkImports(installation, time.now())
      .then((check) => {
        saveImportCheck(memory, check);
        log("info", "AI Toolkit's imports were tried", { problem: check.problem?.line ?? null });
        return check;
      })
      .finally(() => {
        running = null;
      });
    running.catch((error: unknown) =>
      log("warn", "AI Toolkit's imports could not be tried", errorFields(error)),
    );
    return current;
  };

  return {
    name: "ai-toolkit",
    detect: async () => {
      const search = findToolkit(environment);
      return search.kind === "found"
        ? factOf(search.installation, importsOf(search.installation))
        : { ...nowhere, reason: reasonOf(search) };
    },
    async prepare(request) {
      const search = findToolkit(environment);
      // Looked for a moment ago by whoever called: gone since.
      if (search.kind !== "found") throw new Error(reasonOf(search));
      return prepareTraining(search.installation, request, { environment, log });
    },
    checkpoints: toolkitCheckpoints,
    samples: toolkitSamples,
    control: jobTableControl,
  };
}

async function prepareTraining(
  { root, python, requests }: ToolkitInstallation,
  request: PrepareRequest,
  {
    environment,
    log,
  }: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly log: Log;
  },
): Promise<PreparedTraining> {
  const { home, files, outputName, slot } = request;
  const { modelRoots, comfyuiRoots } = readPolicy(home, environment);
  const own = [home.outputs, environment["MODELS_PATH"] ?? join(root, "models")];
  const roots = [...modelRoots, ...comfyuiRoots, ...own];
  const { document, process, fileStem, finalFiles } = await toolkitDocument(request, roots);
  const metrics = metricsOf(process);
  const table = requests.length > 0 && tableIsCheap(home, log);
  return {
    command: python,
    args: ["run.py", files.config],
    cwd: root,
    environment: {
      AITK_JOB_ID: request.jobId,
      // Its cards are numbered as the driver's tools number them.
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: slot.startsWith("gpu:") ? slot.slice("gpu:".length) : "",
      // Leaves out the blocks of timers that would fill the log.
      IS_AI_TOOLKIT_UI: "1",
    },
    inherits,
    configText: `${JSON.stringify(document, null, 2)}\n`,
    name: outputName,
    outputName,
    ...(fileStem === outputName ? {} : { fileStem }),
    ...(finalFiles.length === 0 ? {} : { finalFiles }),
    metricsDatabase: metrics.kept ? join(home.outputs, outputName, "loss_log.db") : null,
    metricsEvery: metrics.every,
    ...(table ? { jobTable: { path: files.jobTable, requests } } : {}),
    totalSteps: request.totalSteps,
  };
}

/**
 * The trainer opens some five connections a step, each a few file operations: on a slow disk that costs more than the step. Without
 * the table signals are left.
 */
function tableIsCheap(home: Home, log: Log): boolean {
  const ms = connectionMs(home.jobs);
  if (ms <= limits.jobTableConnectionMs) return true;
  log("warn", "the home's disk is slow: this job cannot be asked to save or sample", {
    connection_ms: Math.round(ms),
  });
  return false;
}

const nowhere = { name: "ai-toolkit", found: false, version: null } as const;

function factOf(
  { root, version, commit }: ToolkitInstallation,
  imports: ImportCheck | null,
): TrainerFact {
  const problem = imports?.problem ?? null;
  return {
    name: "ai-toolkit",
    found: problem === null,
    version: `${version ?? "unknown version"}${commit === null ? "" : ` (${commit.slice(0, 8)})`}`,
    path: root.slice(0, 300),
    reason:
      problem === null
        ? null
        : `Its packages cannot be imported: ${problem.line} Run trainyard doctor on the box.`.slice(
            0,
            300,
          ),
  };
}

function reasonOf(search: Exclude<ToolkitSearch, { kind: "found" }>): string {
  if (search.kind === "no-python")
    return `AI Toolkit is there, but no Python for it. Make its environment as its README says, or set AI_TOOLKIT_PYTHON.`;
  return search.named
    ? "AI_TOOLKIT_PATH does not lead to AI Toolkit: there is no run.py in that folder."
    : "AI Toolkit is not in any usual place. Install it, or set AI_TOOLKIT_PATH to its folder and start the agent again.";
}
