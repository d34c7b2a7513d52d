import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import type { WireError } from "@trainyard/shared/errors.ts";
import { newJobId } from "@trainyard/shared/ids.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { companionFacts, datasetFacts } from "../datasets/dataset-facts.ts";
import { attemptFiles } from "../home.ts";
import type { Home } from "../home.ts";
import { resolveModel } from "../models/resolve-model.ts";
import { readPolicy } from "../policy.ts";
import type { OperationContext, OperationHandler } from "./operation-context.ts";

export const preflight: OperationHandler<"preflight"> = async (args, context) => {
  const { home, trainers } = context;
  const disk = await statfs(home.outputs).catch(() => null);
  const trainer = args.trainer === null ? null : await trainerFact(args.trainer);
  return {
    trainer,
    datasets: await Promise.all(
      args.datasets.map((reference) =>
        datasetFacts(reference, { maxFiles: args.maxFiles, glanceMs: args.glanceMs ?? 0 }, context),
      ),
    ),
    freeBytes: disk === null ? null : disk.bavail * disk.bsize,
    companions: await Promise.all(
      (args.companions ?? []).map((wanted) => companionFacts(wanted, context)),
    ),
    problem: trainer?.found === true ? await problemOf(args, context) : null,
    confirmHours: args.document === undefined ? null : readPolicy(home).confirmHours,
    model: args.document === undefined ? null : await modelFact(args.document, home),
  };

  async function trainerFact(name: string): Promise<{ found: boolean; reason: string | null }> {
    const fact = (await trainers.facts()).find((one) => one.name === name);
    if (fact === undefined)
      return { found: false, reason: "this box does not know a trainer of that name" };
    return { found: fact.found, reason: fact.reason };
  }
};

type ModelFact = NonNullable<OperationValue<"preflight">["model"]>;

/** Where the base model lies, and of a folder whether a Flux or Flex model could be loaded from it. */
async function modelFact(
  document: Readonly<Record<string, unknown>>,
  home: Home,
): Promise<ModelFact | null> {
  const { modelName, trainer } = readAiToolkitDocument(document);
  if (modelName === null || trainer === "tiny") return null;
  const { modelRoots, comfyuiRoots } = readPolicy(home);
  const found = await resolveModel(modelName, [...modelRoots, ...comfyuiRoots, home.outputs]);
  switch (found.kind) {
    case "hub":
      return { resolved: true, source: "hub", path: null, partsThere: null };
    case "file":
    case "folder":
      return {
        resolved: true,
        source: isAbsolute(modelName) ? "direct-path" : "model-root",
        path: found.path,
        partsThere: found.kind === "file" ? null : holdsParts(found.path),
      };
    case "ambiguous":
    case "missing":
      return { resolved: false, source: null, path: null, partsThere: null };
  }
}

function holdsParts(folder: string): boolean {
  return [["model_index.json"], ["transformer", "config.json"]].some((segments) =>
    existsSync(join(folder, ...segments)),
  );
}

/** Prepared for nobody: what the trainer would refuse at the start is known before there is a job. */
async function problemOf(
  { trainer, document }: OperationArgs<"preflight">,
  { home, trainers }: OperationContext,
): Promise<WireError | null> {
  if (trainer === null || document === undefined) return null;
  const jobId = newJobId();
  const files = attemptFiles(home, jobId, 1);
  try {
    await trainers.get(trainer)?.prepare({
      jobId,
      attempt: 1,
      document,
      slot: "cpu",
      totalSteps: null,
      home,
      files,
      outputName: "preflight",
    });
    return null;
  } catch (error) {
    if (error instanceof AppError) return errorToWire(error);
    throw error;
  }
}
