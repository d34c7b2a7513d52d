import { AppError } from "@trainyard/shared/errors.ts";
import { parseModelPath } from "@trainyard/shared/names.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import type { FileSource } from "@trainyard/shared/protocol/operations/files.ts";
import { z } from "zod";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { mint, newNonce } from "../transfer/links.ts";
import { chooseAgent } from "./choose-agent.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext } from "./context.ts";
import { itemsOf } from "./job-records.ts";

export interface BoxFile {
  readonly agentId: string;
  readonly source: FileSource;
  readonly jobId: string | null;
  /** SHA-256 of the model as the training left it, where a job says so. */
  readonly madeSha256?: string;
}

export interface ModelReference {
  readonly job_id?: string | undefined;
  readonly model_path?: string | undefined;
  readonly model_name?: string | undefined;
  readonly agent?: string | undefined;
}

/** Which file on which box a caller means by a job, a path below the outputs, or a name. */
export async function findModel(wish: ModelReference, context: EdgeContext): Promise<BoxFile> {
  if (wish.job_id !== undefined) {
    const view = unwrap(await context.hub.viewJob(wish.job_id, false));
    return modelOf(view);
  }
  if (wish.model_path !== undefined) {
    const segments = [...parseModelPath(wish.model_path)];
    const agent = await chooseAgent(context, wish.agent);
    return { agentId: agent.agentId, source: { kind: "output", segments }, jobId: null };
  }
  if (wish.model_name !== undefined) return modelByName(wish.model_name, wish.agent, context);
  throw new AppError("INVALID_ARGUMENT", "Which model is meant is missing.", {
    hint: "Give job_id, or model_path from list-exported-models, or model_name.",
  });
}

function modelOf({ summary }: JobView): BoxFile {
  if (summary.model === null) {
    throw new AppError(
      "MODEL_NOT_FOUND",
      isTerminal(summary.state) ? "This job left no verified model." : "This job has no model yet.",
      {
        hint:
          summary.lastCheckpoint === null
            ? "get-training-status says where it stands."
            : "Ask for its newest checkpoint: create-download-link with kind checkpoint.",
        details: { job_id: summary.jobId, state: summary.state },
      },
    );
  }
  const { path, sha256 } = summary.model;
  return { ...outputFile(summary.agentId, path, summary.jobId), madeSha256: sha256 };
}

/** What to say when the file on the box is not the one that the training left; null when it is, or nobody knows. */
export function changedSince(file: BoxFile, sha256: string | null): string | null {
  if (file.madeSha256 === undefined || sha256 === null || file.madeSha256 === sha256) return null;
  return "This is not the file that the training made: it was changed on the box afterwards.";
}

function outputFile(agentId: string, path: string, jobId: string): BoxFile {
  return { agentId, source: { kind: "output", segments: [...parseModelPath(path)] }, jobId };
}

const listedModels = z.object({
  models: z.array(
    z.object({ name: z.string(), path: z.string(), job_name: z.string().nullable() }),
  ),
});

/** A job's name or a file's: our own jobs first, then whatever lies in the outputs of the box. */
async function modelByName(
  name: string,
  wanted: string | undefined,
  context: EdgeContext,
): Promise<BoxFile> {
  const matches = (candidate: string | null): boolean =>
    candidate !== null && stem(candidate) === stem(name);
  const { jobs } = unwrap(
    await context.hub.listJobs({ states: ["completed"], agentId: null, limit: 200, before: null }),
  );
  const job = jobs.find(
    ({ summary }) => matches(summary.jobName) || matches(summary.model?.name ?? null),
  );
  if (job !== undefined && job.summary.model !== null) return modelOf(job);
  const agent = await chooseAgent(context, wanted);
  const answer = await context.callAgent(agent.agentId, "tool", {
    tool: "list-exported-models",
    arguments: { limit: 500, detail: "full" },
  });
  const found = listedModels
    .parse(answer.data)
    .models.find((model) => matches(model.name) || matches(model.job_name));
  if (found === undefined) {
    throw new AppError("MODEL_NOT_FOUND", "There is no model of that name.", {
      hint: "Call list-exported-models and pass a path from there as model_path.",
    });
  }
  const segments = [...parseModelPath(found.path)];
  return { agentId: agent.agentId, source: { kind: "output", segments }, jobId: null };
}

function stem(name: string): string {
  return name.toLowerCase().replace(/\.(?:safetensors|ckpt|pt|pth|bin|gguf)$/, "");
}

/** The newest valid one, or that of a step. */
export async function findCheckpoint(
  jobId: string,
  step: number | undefined,
  context: EdgeContext,
): Promise<BoxFile> {
  const { summary } = unwrap(await context.hub.viewJob(jobId, false));
  const events = unwrap(await context.job(jobId).events(["checkpoint"], 2_000));
  const found = itemsOf(events, "checkpoint").findLast(
    (item) => item.valid && (step === undefined || item.step === step),
  );
  if (found === undefined) {
    throw new AppError("MODEL_NOT_FOUND", "This job has no such checkpoint.", {
      hint: "get-training-status with detail full lists the checkpoints.",
      details: { job_id: jobId },
    });
  }
  return outputFile(summary.agentId, found.path, jobId);
}

export async function findSample(
  jobId: string,
  step: number | undefined,
  index: number | undefined,
  context: EdgeContext,
): Promise<BoxFile> {
  const { summary } = unwrap(await context.hub.viewJob(jobId, false));
  const events = unwrap(await context.job(jobId).events(["sample"], 5_000));
  const found = itemsOf(events, "sample").findLast(
    (item) =>
      (step === undefined || item.step === step) && (index === undefined || item.index === index),
  );
  if (found === undefined) {
    throw new AppError("NOT_FOUND", "This job has no such sample.", {
      hint: "get-training-status with detail full lists the samples.",
      details: { job_id: jobId },
    });
  }
  return outputFile(summary.agentId, found.path, jobId);
}

export type FileDescription = OperationValue<"describe-file">;

export async function describeFile(
  file: BoxFile,
  hash: boolean,
  context: EdgeContext,
): Promise<FileDescription> {
  try {
    return await context.callAgent(file.agentId, "describe-file", { source: file.source, hash });
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    throw new AppError(error.code, error.message, {
      hint:
        error.code === "AGENT_OFFLINE"
          ? "Files stay on the box: start its agent, then call again."
          : (error.hint ?? "Call again."),
      details: { ...error.details, ...(file.jobId === null ? {} : { job_id: file.jobId }) },
      cause: error,
    });
  }
}

export async function downloadLink(
  file: BoxFile,
  described: FileDescription,
  { expiresInSeconds, oneTime }: { readonly expiresInSeconds: number; readonly oneTime: boolean },
  context: EdgeContext,
): Promise<{ readonly url: string; readonly expiresAtMs: number }> {
  const expiresAtSeconds = Math.floor(context.now() / 1_000) + expiresInSeconds;
  const token = await mint(
    {
      v: 1,
      kind: "download",
      o: context.principal.owner,
      a: file.agentId,
      exp: expiresAtSeconds,
      n: newNonce(),
      s: file.source,
      name: described.filename,
      bytes: described.bytes,
      ...(described.sha256 === null ? {} : { sha: described.sha256 }),
      type: described.mediaType,
      ...(file.source.kind === "log" ? {} : { m: described.modifiedAtMs }),
      ...(oneTime ? { once: true as const } : {}),
    },
    context.settings.linkKey,
  );
  return { url: `${context.origin}/files/d/${token}`, expiresAtMs: expiresAtSeconds * 1_000 };
}
