import { statfs } from "node:fs/promises";
import { datasetFacts } from "../datasets/dataset-facts.ts";
import type { OperationHandler } from "./operation-context.ts";

export const preflight: OperationHandler<"preflight"> = async (args, { home, trainers }) => {
  const disk = await statfs(home.outputs).catch(() => null);
  return {
    trainer: args.trainer === null ? null : await trainerFact(args.trainer),
    datasets: args.datasets.map((reference) => datasetFacts(home, reference, args.maxFiles)),
    freeBytes: disk === null ? null : disk.bavail * disk.bsize,
  };

  async function trainerFact(name: string): Promise<{ found: boolean; reason: string | null }> {
    const fact = (await trainers.facts()).find((one) => one.name === name);
    if (fact === undefined)
      return { found: false, reason: "this box does not know a trainer of that name" };
    return { found: fact.found, reason: fact.reason };
  }
};
