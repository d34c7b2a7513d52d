import type { ImportCheck } from "../../trainers/ai-toolkit/import-check.ts";
import type { ToolkitSearch } from "../../trainers/ai-toolkit/installation.ts";
import { fixOf } from "../../trainers/ai-toolkit-ui/ui-state.ts";
import type { UiLook } from "../../trainers/ai-toolkit-ui/ui-state.ts";
import { llmFinding } from "./llm-finding.ts";
import type { LlmFacts } from "./llm-finding.ts";

export interface Finding {
  readonly name:
    | "node"
    | "home"
    | "disk"
    | "policy"
    | "gpu"
    | "toolkit"
    | "python"
    | "imports"
    | "table"
    | "ui"
    | "llm"
    | "token";
  readonly status: "ok" | "warning" | "problem";
  readonly message: string;
  /** What to run or change; null when there is nothing to do. */
  readonly fix: string | null;
}

/** What a look at the box found. */
export interface BoxFacts {
  readonly node: string;
  readonly home: string;
  /** Null: it can be written. */
  readonly homeProblem: string | null;
  readonly freeBytes: number | null;
  /** Null: it is right, or there is none. */
  readonly policyProblem: string | null;
  readonly missingRoots: readonly string[];
  /** Null: there is no nvidia-smi, or it failed. */
  readonly gpus: readonly { readonly name: string; readonly memoryMib: number | null }[] | null;
  readonly toolkit: ToolkitSearch;
  /** Null: nothing to try it with. */
  readonly imports: ImportCheck | null;
  /** Of one connection to a job table in the home. */
  readonly tableMs: number | null;
  readonly tableMsMax: number;
  /** The Python that language models train with; null: there is none. */
  readonly llm: LlmFacts | null;
  readonly hasHubToken: boolean;
  /** Null: no server of its Web UI is named. */
  readonly ui: UiFacts | null;
}

interface UiFacts {
  /** `host:port`. */
  readonly shown: string;
  readonly look: UiLook;
  /** Files of its jobs may be read where they lie; null where that is on no disk of this box. */
  readonly folderAllowed: boolean | null;
}

const gib = 1024 ** 3;
const oldestNode = 24;
/** A checkpoint, its optimizer and the samples of a long run. */
const fewBytes = 20 * gib;

/** Each finding with its fix, in the order in which they are worth mending. */
export function findingsOf(facts: BoxFacts): readonly Finding[] {
  return [
    nodeFinding(facts),
    homeFinding(facts),
    ...diskFinding(facts),
    policyFinding(facts),
    gpuFinding(facts),
    ...toolkitFindings(facts),
    ...tableFinding(facts),
    ...uiFindings(facts),
    llmFinding(facts.llm),
    tokenFinding(facts),
  ];
}

function nodeFinding({ node }: BoxFacts): Finding {
  const enough = Number.parseInt(node, 10) >= oldestNode;
  return {
    name: "node",
    status: enough ? "ok" : "problem",
    message: `Node ${node}`,
    fix: enough ? null : `Run it through npm, which brings Node ${oldestNode}.`,
  };
}

function homeFinding({ home, homeProblem }: BoxFacts): Finding {
  return homeProblem === null
    ? { name: "home", status: "ok", message: home, fix: null }
    : {
        name: "home",
        status: "problem",
        message: `${home}: ${homeProblem}`,
        fix: "Give the user that runs the agent the right to write there, or choose another --home.",
      };
}

function diskFinding({ freeBytes }: BoxFacts): readonly Finding[] {
  if (freeBytes === null) return [];
  const few = freeBytes < fewBytes;
  return [
    {
      name: "disk",
      status: few ? "warning" : "ok",
      message: `${Math.floor(freeBytes / gib)} GiB free for datasets and models`,
      fix: few ? "Free some space: models of the hub alone take tens of GiB." : null,
    },
  ];
}

function policyFinding({ policyProblem, missingRoots }: BoxFacts): Finding {
  if (policyProblem !== null) {
    return {
      name: "policy",
      status: "problem",
      message: policyProblem,
      fix: "Correct policy.json in the home; docs/files.md has every entry.",
    };
  }
  return missingRoots.length === 0
    ? { name: "policy", status: "ok", message: "policy.json is in order", fix: null }
    : {
        name: "policy",
        status: "warning",
        message: `Model folders that are not there: ${missingRoots.join(", ")}`,
        fix: "Mount them, or take them out of policy.json or COMFYUI_MODEL_ROOTS.",
      };
}

function gpuFinding({ gpus, imports }: BoxFacts): Finding {
  if (gpus === null || gpus.length === 0) {
    return {
      name: "gpu",
      status: "warning",
      message: "nvidia-smi finds no card",
      fix: "For an NVIDIA card install its driver; without one only small things train.",
    };
  }
  const cards = gpus
    .map(({ name, memoryMib }) =>
      memoryMib === null ? name : `${name} (${Math.round(memoryMib / 1024)} GiB)`,
    )
    .join(", ");
  const seen = imports?.gpus ?? null;
  if (seen !== 0) return { name: "gpu", status: "ok", message: cards, fix: null };
  return {
    name: "gpu",
    status: "problem",
    message: `${cards}, and PyTorch ${imports?.torch ?? ""} sees none of them`,
    fix:
      imports?.cuda == null
        ? "Its PyTorch is a build without CUDA: install the one that AI Toolkit's README names."
        : `Its PyTorch wants CUDA ${imports.cuda}: update the driver, or restart the box after an update of it.`,
  };
}

function toolkitFindings({ toolkit, imports }: BoxFacts): readonly Finding[] {
  if (toolkit.kind === "no-toolkit") {
    return [
      {
        name: "toolkit",
        status: "problem",
        message: `AI Toolkit was not found in: ${toolkit.looked.join(", ")}`,
        fix: toolkit.named
          ? "Let AI_TOOLKIT_PATH name the folder that holds its run.py."
          : "git clone https://github.com/ostris/ai-toolkit ~/ai-toolkit, follow its README, or set AI_TOOLKIT_PATH.",
      },
    ];
  }
  if (toolkit.kind === "no-python") {
    return [
      { name: "toolkit", status: "ok", message: toolkit.root, fix: null },
      {
        name: "python",
        status: "problem",
        message: "No Python was found for it.",
        fix: `cd ${toolkit.root} && python3 -m venv venv && venv/bin/pip install -r requirements.txt, or set AI_TOOLKIT_PYTHON.`,
      },
    ];
  }
  const { root, python, version, commit, requests } = toolkit.installation;
  const asked = requests.length === 0 ? "nothing" : requests.join(", ");
  return [
    {
      name: "toolkit",
      status: requests.length < 3 ? "warning" : "ok",
      message: `${root}, version ${version ?? "unknown"}${commit === null ? "" : `, commit ${commit.slice(0, 8)}`}; can be asked for: ${asked}`,
      fix: requests.length < 3 ? "Update it (git pull) to save and sample on request." : null,
    },
    { name: "python", status: "ok", message: python, fix: null },
    importsFinding(imports, python, root),
  ];
}

function importsFinding(imports: ImportCheck | null, python: string, root: string): Finding {
  if (imports === null || imports.problem !== null) {
    return {
      name: "imports",
      status: "problem",
      message: imports?.problem?.line ?? "They could not be tried.",
      fix: imports?.problem?.fix ?? `${python} -m pip install -r ${root}/requirements.txt`,
    };
  }
  const { torch, cuda, gpus } = imports;
  return {
    name: "imports",
    status: "ok",
    message: `all of its packages; PyTorch ${torch ?? "?"}, ${cuda === null ? "no CUDA" : `CUDA ${cuda}`}, ${gpus ?? 0} card${gpus === 1 ? "" : "s"}`,
    fix: null,
  };
}

function tableFinding({ tableMs, tableMsMax, toolkit }: BoxFacts): readonly Finding[] {
  if (tableMs === null || toolkit.kind !== "found") return [];
  const slow = tableMs > tableMsMax;
  return [
    {
      name: "table",
      status: slow ? "warning" : "ok",
      message: `a look into a job's table takes ${tableMs.toFixed(1)} ms`,
      fix: slow
        ? "Put the home on a local disk: on this one jobs run without it, so they cannot be asked to save or sample."
        : null,
    },
  ];
}

function uiFindings({ ui }: BoxFacts): readonly Finding[] {
  if (ui === null) return [];
  const { shown, look, folderAllowed } = ui;
  if (look.problem !== null) {
    const { kind, message } = look.problem;
    const fix = fixOf(look.problem);
    return [
      {
        name: "ui",
        status: "problem",
        message: kind === "setting" ? message : `${shown}: ${message}`,
        fix,
      },
    ];
  }
  const answers: Finding = {
    name: "ui",
    status: "ok",
    message: `${shown} answers; AI Toolkit ${look.version ?? "of an unknown version"}; ${look.running} running, ${look.queued} queued; ${queuesText(look)}`,
    fix: null,
  };
  const stuck = look.queued > 0 && look.running === 0 && !look.queues.some((one) => one.running);
  return [
    stuck
      ? { ...answers, status: "warning", fix: "Jobs wait and no queue runs: start one in the UI." }
      : answers,
    ...uiFolderFinding(look, folderAllowed),
  ];
}

function queuesText({ queues }: UiLook): string {
  if (queues.length === 0) return "no queue yet";
  return queues
    .slice(0, 8)
    .map(({ gpuIds, running }) => `queue ${gpuIds} ${running ? "runs" : "stands"}`)
    .join(", ");
}

function uiFolderFinding({ settings }: UiLook, isAllowed: boolean | null): readonly Finding[] {
  if (isAllowed === true || settings === null) return [];
  return [
    {
      name: "ui",
      status: "warning",
      message: `The models and samples of its jobs cannot be read: ${settings.trainingFolder}`,
      fix:
        isAllowed === null
          ? "They are not on this box. Run the agent where the UI runs, to get at them."
          : "Name that folder in ai_toolkit_ui_roots of policy.json.",
    },
  ];
}

function tokenFinding({ hasHubToken }: BoxFacts): Finding {
  return hasHubToken
    ? { name: "token", status: "ok", message: "HF_TOKEN is set", fix: null }
    : {
        name: "token",
        status: "warning",
        message: "HF_TOKEN is not set: gated models (FLUX.1-dev and others) cannot be fetched",
        fix: "Accept the model's licence at Hugging Face and set HF_TOKEN for the agent, or keep the model in a model folder.",
      };
}
