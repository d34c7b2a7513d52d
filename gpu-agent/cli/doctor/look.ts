import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { openHome } from "../../home.ts";
import type { Home } from "../../home.ts";
import { nvidiaCards, parseGpus } from "../../host/nvidia-smi.ts";
import { readPolicy } from "../../policy.ts";
import { systemTime } from "../../time.ts";
import { connectionMs } from "../../trainers/job-table.ts";
import { checkImports } from "../../trainers/ai-toolkit/import-check.ts";
import { findToolkit } from "../../trainers/ai-toolkit/installation.ts";
import { lookAtUi } from "../../trainers/ai-toolkit-ui/open-ui.ts";
import { allowedFolder, allowedUiRoots } from "../../trainers/ai-toolkit-ui/ui-output.ts";
import { findLlmPython } from "../../trainers/llm/installation.ts";
import { lookAtLibraries } from "../../trainers/llm/library-look.ts";
import type { BoxFacts } from "./findings.ts";

/** Looks anew at everything; importing the trainers' packages takes some seconds. */
export async function lookAtBox(
  homeRoot: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<BoxFacts> {
  const { home, problem } = openedHome(homeRoot);
  const toolkit = findToolkit(environment);
  const python = findLlmPython(environment);
  const cards = await nvidiaCards(() => undefined)();
  const imports =
    toolkit.kind === "found" ? await checkImports(toolkit.installation, Date.now()) : null;
  return {
    node: process.versions.node,
    home: homeRoot,
    homeProblem: problem,
    freeBytes: home === null ? null : freeBytesOf(home.root),
    ...policyOf(home, environment),
    gpus:
      cards === null
        ? null
        : parseGpus(cards).map(({ name, memoryTotalMib }) => ({ name, memoryMib: memoryTotalMib })),
    toolkit,
    imports,
    tableMs: home === null ? null : connectionMs(home.jobs),
    tableMsMax: limits.jobTableConnectionMs,
    llm: python === null ? null : { python, look: await lookAtLibraries(python, Date.now()) },
    hasHubToken:
      (environment["HF_TOKEN"] ?? environment["HUGGING_FACE_HUB_TOKEN"] ?? "").trim() !== "",
    ui: await uiOf(home, environment),
  };
}

async function uiOf(
  home: Home | null,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<BoxFacts["ui"]> {
  const found = await lookAtUi(environment, systemTime);
  if (found === null) return null;
  const folder = found.look.settings?.trainingFolder ?? null;
  const isHere = folder !== null && home !== null && existsSync(folder);
  return {
    ...found,
    folderAllowed: isHere ? allowedFolder(folder, rootsOf(home, environment)) !== null : null,
  };
}

/** A policy that is wrong is a finding of its own. */
function rootsOf(
  home: Home,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  try {
    return allowedUiRoots(home, environment);
  } catch {
    return [];
  }
}

function openedHome(root: string): { readonly home: Home | null; readonly problem: string | null } {
  try {
    makeFolder(root);
    accessSync(root, constants.W_OK);
    return { home: openHome(root), problem: null };
  } catch (error) {
    return { home: null, problem: error instanceof Error ? error.message : String(error) };
  }
}

function freeBytesOf(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function policyOf(
  home: Home | null,
  environment: Readonly<Record<string, string | undefined>>,
): Pick<BoxFacts, "policyProblem" | "missingRoots"> {
  if (home === null) return { policyProblem: null, missingRoots: [] };
  try {
    const { modelRoots, comfyuiRoots } = readPolicy(home, environment);
    return {
      policyProblem: null,
      missingRoots: [...modelRoots, ...comfyuiRoots].filter((root) => !existsSync(root)),
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { policyProblem: error.message, missingRoots: [] };
  }
}
