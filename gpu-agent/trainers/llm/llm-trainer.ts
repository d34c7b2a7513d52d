import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { readLlmWork, withSteps } from "@trainyard/shared/llm/llm-document.ts";
import type { LlmWork } from "@trainyard/shared/llm/llm-document.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Home } from "../../home.ts";
import { readPolicy } from "../../policy.ts";
import { findProject } from "../../projects/project-place.ts";
import { settleManifest } from "../../projects/settle-manifest.ts";
import { jobTableControl } from "../job-table.ts";
import type { PreparedTraining, PrepareRequest, Trainer, TrainerFact } from "../trainer.ts";
import { jobFile } from "./job-file.ts";
import type { LlmBox } from "./llm-box.ts";
import { llmOutputs } from "./llm-output.ts";
import { refuseWhatCannotRun } from "./refusals.ts";

/** Values that its libraries need: gated models, and services that the box's policy allows. */
const inherits = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];
const scripts = { train: "train.py", evaluate: "evaluate.py", export: "export.py" } as const;

const scriptOf = (kind: LlmWork["kind"]): string => `scripts/${scripts[kind]}`;

const jobFileSchema = z.object({ run_id: z.string() });

/** What an evaluation or an export came to does not change how its run was trained. */
const settleRun: NonNullable<Trainer["settle"]> = ({ args, cwd, configText }, state) => {
  if (args[0] !== scriptOf("train")) return;
  settleManifest(cwd, jobFileSchema.parse(JSON.parse(configText)).run_id, state);
};

/** The scripts of a generated project, run in its folder as a person would run them. */
export function createLlmTrainer({
  home,
  llm,
}: {
  readonly home: Home;
  readonly llm: LlmBox;
}): Trainer {
  return {
    name: "llm",
    detect: async () => factOf(llm),
    prepare: (request) => prepareWork(request, home, llm),
    checkpoints: llmOutputs,
    samples: () => [],
    control: jobTableControl,
    settle: settleRun,
  };
}

async function prepareWork(
  request: PrepareRequest,
  home: Home,
  llm: LlmBox,
): Promise<PreparedTraining> {
  const read = readLlmWork(request.document);
  if (read === null) {
    throw new AppError(
      "CONFIG_INVALID",
      "This document names no run of a language-model project.",
      {
        hint: "Start a run with start-training, project_path and run_id.",
      },
    );
  }
  const work = withSteps(read, read.kind === "train" ? request.totalSteps : null);
  const project = findProject(home, work.project);
  const policy = readPolicy(home, llm.environment);
  const python = llm.python(project.folder);
  if (python === null) throw new Error("the trainer was found a moment ago");
  const look = await Promise.race([
    llm.look(project.folder).catch(() => null),
    new Promise<null>((resolve) => setTimeout(resolve, limits.llmLookWaitMs, null).unref()),
  ]);
  refuseWhatCannotRun(work, { look, policy, environment: llm.environment });
  const { outputName, files, slot } = request;
  return {
    command: python,
    args: [scriptOf(work.kind), "--job", files.config],
    cwd: project.folder,
    environment: {
      TRAINYARD_JOB_TABLE: files.jobTable,
      TOKENIZERS_PARALLELISM: "false",
      PYTHONDONTWRITEBYTECODE: "1",
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: slot.startsWith("gpu:") ? slot.slice("gpu:".length) : "",
      ...llamaPath(work, llm),
    },
    inherits: [...inherits, ...(policy.outbound.includes("wandb") ? ["WANDB_API_KEY"] : [])],
    configText: `${JSON.stringify(jobFile(work, { home, project, policy, outputName }), null, 2)}\n`,
    name: outputName,
    outputName,
    metricsDatabase: null,
    jobTable: {
      path: files.jobTable,
      requests: work.kind === "train" ? ["save", "stop"] : ["stop"],
    },
    totalSteps: request.totalSteps,
  };
}

/** Of all that the agent's environment has only this reaches an export. */
function llamaPath(work: LlmWork, { environment }: LlmBox): Readonly<Record<string, string>> {
  const path = environment["LLAMA_CPP_PATH"];
  return work.export?.format === "gguf" && path !== undefined ? { LLAMA_CPP_PATH: path } : {};
}

function factOf(llm: LlmBox): TrainerFact {
  const base = { name: "llm", found: false, version: null } as const;
  const python = llm.python();
  if (python === null) {
    return { ...base, reason: "There is no Python. Install it, or set TRAINYARD_LLM_PYTHON." };
  }
  const look = llm.known();
  // Until the look is over it is taken to be there: a start waits for it.
  if (look === null) return { ...base, found: true, reason: null, path: python.slice(0, 300) };
  if (look.problem !== null) {
    return {
      ...base,
      path: python.slice(0, 300),
      reason:
        `${python} lacks what a training needs: ${look.problem} Install torch, transformers, peft and accelerate, or set TRAINYARD_LLM_PYTHON.`.slice(
          0,
          300,
        ),
    };
  }
  const version = Object.entries(look.versions)
    .map(([name, number]) => `${name} ${number}`)
    .join(", ");
  return {
    name: "llm",
    found: true,
    version: version.slice(0, 80),
    path: python.slice(0, 300),
    reason: null,
  };
}
