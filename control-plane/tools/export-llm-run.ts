import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { LlmWork } from "@trainyard/shared/llm/llm-document.ts";
import { llmJobName } from "@trainyard/shared/llm/run-names.ts";
import { parseOutputRef } from "@trainyard/shared/names.ts";
import type { AnswerOf, ToolInput, ToolOutput } from "@trainyard/shared/tools/registry.ts";
import type { EdgeContext } from "./context.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import {
  jobsOfRun,
  readRun,
  runStatusOf,
  sameWork,
  startWork,
  trainedStage,
  waitForEnd,
} from "./llm-run.ts";

type Input = ToolInput<"export-model"> & { readonly project_path: string; readonly run_id: string };

/** What the project's export.py writes. */
const recordSchema = z.object({
  bytes: z.int(),
  files: z.array(z.object({ name: z.string(), bytes: z.int() })),
  huggingface_url: z.string().nullable(),
  usage_instructions: z.string(),
});

/** The trained adapters of a run as a model that something else loads: a job, since it loads the whole base model. */
export async function exportLlmRun(
  input: Input,
  context: EdgeContext,
): Promise<AnswerOf<"export-model">> {
  const repository = repositoryOf(input);
  const run = await readRun(input, context);
  const stage = trainedStage(run, input.stage);
  const format = input.export_format ?? "safetensors";
  const work: LlmWork = {
    kind: "export",
    project: run.project,
    run_id: run.runId,
    stage,
    config: run.config,
    data: run.data,
    test_dataset: null,
    export: { format, merge_adapters: input.merge_adapters, hf_repo_id: repository },
  };
  const jobName =
    input.export_path === undefined ? llmJobName(work) : outputName(input.export_path);
  const known = sameWork(await jobsOfRun(run.project, run.runId, context), work, context.now());
  const same =
    known !== null && (input.export_path === undefined || known.view.summary.jobName === jobName);
  const jobId = same
    ? known.view.summary.jobId
    : (
        await startWork(
          run,
          { tool: "export-model", work, jobName, gpu: input.gpu, forceNew: true },
          context,
        )
      ).result.summary.jobId;
  const view = await waitForEnd(jobId, context);
  const status = runStatusOf(view);
  const data: ToolOutput<"export-model"> = {
    status: status === "completed" ? "success" : status,
    path: null,
    filename: null,
    size: null,
    size_mb: null,
    sha256: null,
    format,
    copied: false,
    source_path: null,
    job_id: jobId,
    success: status === "completed",
    export_path: null,
    export_format: format,
    model_size_mb: null,
  };
  if (status !== "completed") {
    const next = isTerminal(view.summary.state)
      ? nextCall(view)
      : "the same call again, which waits for this job";
    return { data, text: `Export ${jobId}: ${sentence(view)} Next: ${next}.` };
  }
  const { path, result } = await context.callAgent(run.agent.agentId, "read-result", {
    jobId,
    kind: "export",
  });
  const record = recordSchema.parse(result);
  const folder = path.replace(/export\.json$/, "model");
  const megabytes = Math.round(record.bytes / 10_000) / 100;
  const { model } = view.summary;
  return {
    data: {
      ...data,
      path: folder,
      filename: model?.name ?? null,
      size: record.bytes,
      size_mb: megabytes,
      sha256: model?.sha256 ?? null,
      copied: true,
      export_path: folder,
      model_size_mb: megabytes,
      huggingface_url: record.huggingface_url,
      usage_instructions: record.usage_instructions,
      files: record.files,
    },
    text: `The model lies in ${folder} of the box, ${megabytes} MB in ${record.files.length} files. Next: create-download-link with job_id ${jobId} for its weights, or with model_path for another file of it.`,
  };
}

function repositoryOf(input: Input): string | null {
  if (!input.upload_to_huggingface) return null;
  if (input.hf_repo_id !== undefined) return input.hf_repo_id;
  throw new AppError("INVALID_ARGUMENT", "Where to upload is missing: hf_repo_id.", {
    hint: "Give owner/name of the repository; it is made when it is not there.",
    details: { field: "hf_repo_id" },
  });
}

/** `./exported_model`, `outputs/exported_model` and `exported_model` are the same folder. */
function outputName(given: string): string {
  const path = given.replace(/^\.\//, "").replace(/\/$/, "");
  if (path.startsWith("/") && !path.startsWith("/ai-toolkit/")) {
    throw new AppError("PATH_ESCAPE", "A model is exported below the box's outputs only.", {
      hint: "Give a name, such as exported_model, or leave export_path out.",
      details: { field: "export_path" },
    });
  }
  return parseOutputRef(path);
}
