import { AppError } from "@trainyard/shared/errors.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { copyVerified } from "../files/copy-verified.ts";
import { openSource } from "../files/file-source.ts";
import { hashInside } from "../models/file-hash.ts";
import { chooseExportPlace } from "../models/export-place.ts";
import { judgeOpenFile } from "../models/safetensors-file.ts";
import { readPolicy } from "../policy.ts";
import type { OperationContext, OperationHandler } from "./operation-context.ts";

type Args = OperationArgs<"export-model">;
type Value = OperationValue<"export-model">;

/** Exports to one file come one after the other: the second finds the first one's work. */
const turns = new Map<string, Promise<unknown>>();

export const exportModel: OperationHandler<"export-model"> = async (args, context) => {
  const source = openSource(context.home, args.source, context.supervisor.findOutput);
  try {
    const verdict = source.filename.toLowerCase().endsWith(".safetensors")
      ? judgeOpenFile(source.descriptor)
      : null;
    if (verdict === null) {
      throw new AppError("UNSAFE_MODEL_FORMAT", "Only safetensors files are exported.", {
        hint: "Other formats can hold code. create-download-link fetches the file as it is.",
      });
    }
    if (!verdict.valid) {
      throw new AppError("MODEL_CORRUPT", `This file is no valid model: ${verdict.problem}.`, {
        hint: "list-exported-models says which are valid; resume the training for a new one.",
      });
    }
    return await place(args, context, source);
  } finally {
    source.close();
  }
};

async function place(
  args: Args,
  context: OperationContext,
  source: ReturnType<typeof openSource>,
): Promise<Value> {
  const { home, spool } = context;
  const sha256 = await hashInside(spool, source.root, source.segments);
  const common = {
    filename: source.filename,
    bytes: source.stat.size,
    sha256,
    sourcePath: source.virtualPath,
  };
  const target = chooseExportPlace(args.outputPath, source.filename, home, readPolicy(home));
  if (target === null) {
    return { ...common, path: source.virtualPath, copied: false, place: "source" };
  }
  const [folder] = target.belowOutputs ?? [];
  const liveJobs = new Set(context.supervisor.liveJobs().map(({ jobId }) => jobId));
  const job = folder === undefined ? undefined : context.supervisor.jobsOfOutputs().get(folder);
  if (job !== undefined && liveJobs.has(job)) {
    throw new AppError("NAME_CONFLICT", "A running job writes into that folder.", {
      hint: "Give another output_path, or wait for the job's end.",
      details: { job_id: job },
    });
  }
  const before = turns.get(target.path) ?? Promise.resolve();
  const mine = before
    .catch(() => undefined)
    .then(() => copyVerified(source, { ...target, sha256, overwrite: args.overwrite }, context));
  turns.set(target.path, mine);
  try {
    const copied = await mine;
    return {
      ...common,
      filename: target.filename,
      path: target.shown,
      copied,
      place: target.place,
    };
  } finally {
    if (turns.get(target.path) === mine) turns.delete(target.path);
  }
}
