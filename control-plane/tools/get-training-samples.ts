import { limits } from "@trainyard/shared/limits.ts";
import { publicStatus } from "@trainyard/shared/jobs/state.ts";
import { parseModelPath } from "@trainyard/shared/names.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { chooseSamples } from "@trainyard/shared/samples/choose-samples.ts";
import type { ChosenSamples, SamplePicture } from "@trainyard/shared/samples/choose-samples.ts";
import type { ToolPicture } from "@trainyard/shared/tools/define-tool.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { z } from "zod";
import { unwrap } from "../outcome.ts";
import { downloadLink } from "./box-file.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { jobNow } from "./job-now.ts";
import { itemsOf } from "./job-records.ts";
import { ago, iso, isoOrNull } from "./words.ts";

/** What a stream may hold; older ones are in the folder on the box. */
const eventsSeen = 5_000;
const listed = { concise: 0, full: 200 } as const;
const promptCharacters = { concise: 60, full: 500 } as const;

export const getTrainingSamples: EdgeHandler<"get-training-samples"> = async (input, context) => {
  const { job_id: jobId } = input;
  const detail = context.detail(input.detail);
  const job = context.job(jobId);
  const { snapshot } = unwrap(await job.describe());
  const view = unwrap(await context.hub.viewJob(jobId, true));
  const all = itemsOf(unwrap(await job.events(["sample"], eventsSeen)), "sample");
  const chosen = chooseSamples(all, {
    steps: input.steps,
    count: input.columns,
    prompts: input.prompts,
    maxPrompts: limits.sheetPrompts,
  });
  const wanted = input.sheet && chosen.pictures.length > 0;
  const sheet = wanted ? await sheetOf(jobId, view.summary.agentId, chosen, context) : null;
  const texts = readAiToolkitDocument(snapshot.document).prompts;
  const shown = sheet ?? chosen;
  const message = messageOf(all.length, shown, sheet, context.now());
  const next = nextOf(jobId, all.length, jobNow(view).state === "completed");
  return {
    data: {
      job_id: jobId,
      status: publicStatus(jobNow(view).state),
      observed_at: isoOrNull(jobNow(view).observedAtMs),
      connectivity: view.connectivity,
      sample_count: all.length,
      steps: [...shown.steps],
      prompts: shown.prompts.map((index) => ({
        index,
        text: texts[index]?.slice(0, promptCharacters[detail]) ?? null,
      })),
      sheet: sheet === null ? null : sheet.view,
      ...(detail === "full"
        ? {
            samples: chosen.pictures.slice(-listed.full).map(sampleRow),
            all_steps: [...chosen.allSteps],
          }
        : {}),
      message,
      next,
    },
    text: `Job ${jobId}: ${message} Next: ${next}.`,
    ...(sheet === null ? {} : { pictures: [sheet.picture] }),
  };
};

interface Sheet {
  readonly steps: readonly number[];
  readonly prompts: readonly number[];
  readonly picture: ToolPicture;
  readonly view: {
    readonly url: string | null;
    readonly expires_at: string | null;
    readonly width: number;
    readonly height: number;
    readonly size: number;
    readonly missing: number;
    readonly made_at: string;
  };
  /** Set for one that was made earlier, when the box was there. */
  readonly keptAtMs: number | null;
}

/** Null where the box does not answer and no earlier sheet is known. */
async function sheetOf(
  jobId: string,
  agentId: string,
  chosen: ChosenSamples,
  context: EdgeContext,
): Promise<Sheet | null> {
  try {
    const made = await context.callAgent(agentId, "sample-sheet", {
      jobId,
      steps: [...chosen.steps],
      prompts: [...chosen.prompts],
      pictures: chosen.pictures.map(({ step, index, path }) => ({
        step,
        index,
        segments: [...parseModelPath(path)],
      })),
    });
    const { steps, prompts } = chosen;
    const { width, height, bytes: size, missing, jpeg } = made;
    const kept: KeptSheet = {
      steps: [...steps],
      prompts: [...prompts],
      width,
      height,
      size,
      missing,
      jpeg,
    };
    unwrap(await context.hub.keepSnapshot(keyOf(jobId), JSON.stringify(kept)));
    const link = await linkOf(jobId, agentId, made, context);
    return {
      steps,
      prompts,
      picture: { mediaType: "image/jpeg", base64: jpeg },
      view: {
        url: link.url,
        expires_at: iso(link.expiresAtMs),
        width,
        height,
        size,
        missing,
        made_at: iso(context.now()),
      },
      keptAtMs: null,
    };
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return earlierSheet(jobId, context);
  }
}

const keptSchema = z.object({
  steps: z.array(z.int()),
  prompts: z.array(z.int()),
  width: z.int(),
  height: z.int(),
  size: z.int(),
  missing: z.int(),
  jpeg: z.string(),
});
type KeptSheet = z.infer<typeof keptSchema>;

const keyOf = (jobId: string): string => `sample-sheet/${jobId}`;

async function earlierSheet(jobId: string, context: EdgeContext): Promise<Sheet | null> {
  const snapshot = unwrap(await context.hub.readSnapshot(keyOf(jobId)));
  if (snapshot === null) return null;
  const { steps, prompts, jpeg, width, height, size, missing } = keptSchema.parse(
    JSON.parse(snapshot.body),
  );
  return {
    steps,
    prompts,
    picture: { mediaType: "image/jpeg", base64: jpeg },
    view: {
      url: null,
      expires_at: null,
      width,
      height,
      size,
      missing,
      made_at: iso(snapshot.atMs),
    },
    keptAtMs: snapshot.atMs,
  };
}

function linkOf(
  jobId: string,
  agentId: string,
  made: OperationValue<"sample-sheet">,
  context: EdgeContext,
): Promise<{ readonly url: string; readonly expiresAtMs: number }> {
  return downloadLink(
    { agentId, source: { kind: "sheet", jobId, name: made.name }, jobId },
    {
      filename: `${jobId}-samples.jpg`,
      path: `samples/${jobId}/${made.name}`,
      bytes: made.bytes,
      sha256: made.sha256,
      mediaType: "image/jpeg",
      modifiedAtMs: made.modifiedAtMs,
      metadata: null,
    },
    { expiresInSeconds: limits.linkSecondsDefault, oneTime: false },
    context,
  );
}

function sampleRow({ step, index, path, bytes, atMs }: SamplePicture) {
  return { step, index, path, size: bytes, at: iso(atMs) };
}

function messageOf(
  count: number,
  shown: Pick<ChosenSamples, "steps" | "prompts">,
  sheet: Sheet | null,
  nowMs: number,
): string {
  if (count === 0) return "It has no sample pictures yet.";
  const pictures = `${count} sample picture${count === 1 ? "" : "s"}`;
  const { steps, prompts } = shown;
  const of = `step${steps.length === 1 ? "" : "s"} ${steps.join(", ")}, ${prompts.length} prompt${prompts.length === 1 ? "" : "s"}`;
  if (sheet === null)
    return `${pictures}; no sheet of them is here, since the box does not answer or none was asked for.`;
  if (sheet.keptAtMs !== null)
    return `The box does not answer; this sheet is from ${ago(nowMs - sheet.keptAtMs)} (${of}).`;
  const missing = sheet.view.missing === 0 ? "" : ` ${sheet.view.missing} of them cannot be read.`;
  return `${pictures}; the sheet shows ${of}.${missing}`;
}

function nextOf(jobId: string, count: number, completed: boolean): string {
  if (count === 0) return `get-training-status with job_id ${jobId}`;
  return completed
    ? `evaluate-lora with job_id ${jobId}`
    : `create-download-link with job_id ${jobId} and kind sample for a single picture`;
}
