import { AppError } from "@trainyard/shared/errors.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import { unwrap } from "../outcome.ts";
import {
  changedSince,
  describeFile,
  downloadLink,
  findCheckpoint,
  findModel,
  findSample,
} from "./box-file.ts";
import type { BoxFile } from "./box-file.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { duration, iso, size } from "./words.ts";

type Input = ToolInput<"create-download-link">;

export const createDownloadLink: EdgeHandler<"create-download-link"> = async (input, context) => {
  const file = await find(input, context);
  // A log is still being written; everything else is offered with its hash.
  const described = await describeFile(file, input.kind !== "log", context);
  const link = await downloadLink(
    file,
    described,
    { expiresInSeconds: input.expires_in_seconds, oneTime: input.one_time },
    context,
  );
  const note = changedSince(file, described.sha256);
  return {
    data: {
      ...(note === null ? {} : { note }),
      download_url: link.url,
      filename: described.filename,
      path: described.path,
      size: described.bytes,
      sha256: described.sha256,
      media_type: described.mediaType,
      job_id: file.jobId,
      expires_at: iso(link.expiresAtMs),
      one_time: input.one_time,
      how: "GET it (curl -C - -OJ <download_url>); ranges and resume work, the ETag is the SHA-256.",
    },
    text: `${note === null ? "" : `${note} `}download_url gives the ${input.kind} (${size(described.bytes)}) for ${duration(input.expires_in_seconds)}, straight from the box; whoever has it can read this file. Next: hand it to the person who wants the file.`,
  };
};

async function find(input: Input, context: EdgeContext): Promise<BoxFile> {
  if (input.kind === "model") return findModel(input, context);
  const jobId = input.job_id ?? (await jobNamed(input, context));
  switch (input.kind) {
    case "checkpoint":
      return findCheckpoint(jobId, input.step, context);
    case "sample":
      return findSample(jobId, input.step, input.index, context);
    case "log": {
      const { summary } = unwrap(await context.hub.viewJob(jobId, false));
      const attempt = input.attempt ?? summary.attempt;
      if (attempt === 0) {
        throw new AppError("NOT_FOUND", "This job has not run yet, so it has no log.", {
          hint: "get-training-status says where it stands.",
          details: { job_id: jobId },
        });
      }
      return {
        agentId: summary.agentId,
        source: { kind: "log", jobId, attempt, stream: input.stream ?? "stdout" },
        jobId,
      };
    }
  }
}

/** The newest job of that name: for people a job is called as its model is. */
async function jobNamed({ kind, model_name: name }: Input, context: EdgeContext): Promise<string> {
  if (name === undefined) {
    throw new AppError("INVALID_ARGUMENT", `A ${kind} belongs to a job: job_id is missing.`, {
      hint: "list-training-jobs has the ids.",
      details: { field: "job_id" },
    });
  }
  const { jobs } = unwrap(
    await context.hub.listJobs({ states: null, agentId: null, limit: 200, before: null }),
  );
  const job = jobs.find(({ summary }) => summary.jobName.toLowerCase() === name.toLowerCase());
  if (job === undefined) {
    throw new AppError("JOB_NOT_FOUND", "There is no job of that name.", {
      hint: "list-training-jobs has names and ids.",
    });
  }
  return job.summary.jobId;
}
