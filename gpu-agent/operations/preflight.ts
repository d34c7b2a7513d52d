import { statfs } from "node:fs/promises";
import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import type { WireError } from "@trainyard/shared/errors.ts";
import { newJobId } from "@trainyard/shared/ids.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { companionFacts, datasetFacts } from "../datasets/dataset-facts.ts";
import { attemptFiles } from "../home.ts";
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
    // Only a start has a document.
    confirmHours: args.document === undefined ? null : readPolicy(home).confirmHours,
  };

  async function trainerFact(name: string): Promise<{ found: boolean; reason: string | null }> {
    const fact = (await trainers.facts()).find((one) => one.name === name);
    if (fact === undefined)
      return { found: false, reason: "this box does not know a trainer of that name" };
    return { found: fact.found, reason: fact.reason };
  }
};

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
