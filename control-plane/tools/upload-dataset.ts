import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import { AppError, errorToWire, wireToError } from "@trainyard/shared/errors.ts";
import { newTransferId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName, parseDatasetRef, parseFilename } from "@trainyard/shared/names.ts";
import type { UploadedFile } from "@trainyard/shared/tools/upload-dataset.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import { zipSync } from "fflate";
import { z } from "zod";
import { relayUpload } from "../http/relay.ts";
import { mint, newNonce } from "../transfer/links.ts";
import { chooseAgent } from "./choose-agent.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { plural } from "./words.ts";

type Image = ToolInput<"upload-dataset">["images"][number];
type Problem = Pick<UploadedFile, "code" | "message">;

/**
 * All files of a call or none: they travel to the box as one archive, which it takes in whole, so that no half of a call is ever trained
 * on. What does not fit into a call is answered with a link.
 */
export const uploadDataset: EdgeHandler<"upload-dataset"> = async (input, context) => {
  const dataset = parseDatasetRef(input.dataset_name);
  const { files, problems } = collect(input.images);
  const total = [...files.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
  const agent = await chooseAgent(context, input.agent);
  const answer = (rows: readonly UploadedFile[], saved: number, link: string | null) => ({
    status: saved > 0 ? ("success" as const) : ("failed" as const),
    success: saved > 0,
    dataset_name: dataset,
    dataset,
    path: `datasets/${dataset}`,
    images_saved: saved,
    files: [...rows],
    ...(link === null ? {} : { upload_url: link }),
  });

  if (total > limits.inlineFileBytes) {
    const link = await makeLink(dataset, agent.agentId, context);
    const rows = rowsOf(input.images, problems, {
      code: "PAYLOAD_TOO_LARGE",
      message: `The files have ${total} bytes; ${limits.inlineFileBytes} go in one call.`,
    });
    return {
      data: answer(rows, 0, link),
      text: `Nothing was saved: the files are too large for a call. Next: PUT each to upload_url/<filename>, as it is and not as base64; the link holds for 15 min.`,
    };
  }
  const refusals =
    problems.size > 0
      ? problems
      : await send(files, { dataset, agentId: agent.agentId, images: input.images }, context);
  if (refusals.size > 0) {
    const rows = rowsOf(input.images, refusals, {
      code: "NOT_SAVED",
      message: "All files of a call are saved, or none: another one was refused.",
    });
    return {
      data: answer(rows, 0, null),
      text: `Nothing was saved: ${refusals.size} of ${plural(input.images.length, "picture")} ${refusals.size === 1 ? "is" : "are"} refused, and files says why. Next: correct them and send all of them again.`,
    };
  }
  const rows = await Promise.all(
    input.images.map(async ({ filename }): Promise<UploadedFile> => {
      const bytes = files.get(filename) ?? new Uint8Array();
      return { filename, saved: true, size: bytes.byteLength, sha256: await sha256Hex(bytes) };
    }),
  );
  return {
    data: answer(rows, input.images.length, null),
    text: `${input.images.length} of ${plural(input.images.length, "picture")} saved to dataset ${dataset}. Next: create-training-config with dataset_path ${dataset}.`,
  };
};

/** Files by name, captions among them, and what is wrong with single pictures, by their place in the call. */
function collect(images: readonly Image[]): {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly problems: ReadonlyMap<number, Problem>;
} {
  const files = new Map<string, Uint8Array>();
  const folded = new Set<string>();
  const problems = new Map<number, Problem>();
  for (const [at, image] of images.entries()) {
    try {
      const name = parseFilename(image.filename);
      const bytes = decode(image);
      const caption = image.caption === undefined ? null : captionName(name);
      for (const one of caption === null ? [name] : [name, caption]) {
        if (folded.has(foldName(one))) throw twice();
        folded.add(foldName(one));
      }
      files.set(name, bytes);
      if (caption !== null) files.set(caption, new TextEncoder().encode(image.caption));
    } catch (error) {
      const { code, message } = errorToWire(error);
      problems.set(at, { code, message });
    }
  }
  return { files, problems };
}

/** Strict: what is not exactly base64 was cut or changed on the way. */
function decode(image: Image): Uint8Array {
  const text = image.content ?? image.data ?? "";
  if (text === "" || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new AppError("INVALID_ARGUMENT", "content is missing or not base64.");
  }
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function twice(): AppError {
  return new AppError("NAME_CONFLICT", "Another file of this call has that name, or its caption.");
}

function captionName(filename: string): string {
  return `${filename.replace(/\.[^.]*$/, "")}.txt`;
}

function rowsOf(
  images: readonly Image[],
  problems: ReadonlyMap<number, Problem>,
  others: Problem,
): readonly UploadedFile[] {
  return images.map(({ filename }, at) => ({
    filename: filename.slice(0, 200),
    saved: false,
    ...(problems.get(at) ?? others),
  }));
}

interface Sending {
  readonly dataset: string;
  readonly agentId: string;
  readonly images: readonly Image[];
}

const refusalSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullish(),
  details: z.record(z.string(), z.unknown()).nullish(),
});
const answerSchema = z.union([
  z.object({ ok: z.literal(true), complete: z.boolean() }),
  z.object({ ok: z.literal(false), error: refusalSchema }),
]);
const problemsSchema = z.object({
  problems: z.array(z.object({ filename: z.string(), code: z.string(), message: z.string() })),
});

/** What the box refuses, by the picture's place in the call. Throws what concerns the call as a whole. */
async function send(
  files: ReadonlyMap<string, Uint8Array>,
  { dataset, agentId, images }: Sending,
  context: EdgeContext,
): Promise<ReadonlyMap<number, Problem>> {
  // Stored, not packed: pictures hardly get smaller, and the free plan counts the CPU.
  const archive = zipSync(Object.fromEntries(files), { level: 0 });
  const transferId = newTransferId();
  const sha256 = await sha256Hex(archive);
  const bytes = archive.byteLength;
  const response = await relayUpload(
    context.env,
    {
      owner: context.principal.owner,
      agentId,
      transferId,
      dataset,
      filename: archiveName,
      strict: true,
      part: 0,
      offset: 0,
      bytes,
      totalBytes: bytes,
      sha256,
      last: { totalBytes: bytes, sha256 },
    },
    archive,
  );
  const said = answerSchema.parse(await response.json());
  const refusal = said.ok
    ? said.complete
      ? null
      : await waitForEnd({ transferId, dataset, agentId }, context)
    : said.error;
  if (refusal === null) return new Map();
  const listed = problemsSchema.safeParse(refusal.details);
  if (refusal.code !== "ARCHIVE_REFUSED" || !listed.success) throw wholeRefusal(refusal, agentId);
  return new Map(
    listed.data.problems.map(({ filename, code, message }) => [
      placeOf(filename, images),
      { code, message },
    ]),
  );
}

const archiveName = "upload.zip";
const askAgainMs = 250;

/** The box is still looking at the files: until it has, or this call's time ends. */
async function waitForEnd(
  upload: { readonly transferId: string; readonly dataset: string; readonly agentId: string },
  context: EdgeContext,
): Promise<z.infer<typeof refusalSchema> | null> {
  for (;;) {
    await context.sleep(askAgainMs);
    const state = await context.callAgent(upload.agentId, "upload-state", {
      transferId: upload.transferId,
      target: { dataset: upload.dataset, filename: archiveName },
    });
    if (state.complete !== null && state.complete !== undefined) return null;
    if (state.problem !== null && state.problem !== undefined) return state.problem;
  }
}

/** A caption's refusal is its picture's. */
function placeOf(filename: string, images: readonly Image[]): number {
  const own = images.findIndex((image) => image.filename === filename);
  if (own >= 0) return own;
  return Math.max(
    0,
    images.findIndex((image) => captionName(image.filename) === filename),
  );
}

function wholeRefusal(refusal: z.infer<typeof refusalSchema>, agentId: string): AppError {
  if (refusal.code === "AGENT_OFFLINE") {
    return new AppError(
      "AGENT_OFFLINE",
      "The box is not connected, and pictures are kept nowhere else.",
      { hint: "Start the agent on the box, then call again.", details: { agent_id: agentId } },
    );
  }
  const { code, message, hint, details } = refusal;
  return wireToError({ code, message, hint: hint ?? undefined, details: details ?? undefined });
}

async function makeLink(dataset: string, agentId: string, context: EdgeContext): Promise<string> {
  const token = await mint(
    {
      v: 1,
      kind: "upload",
      o: context.principal.owner,
      a: agentId,
      exp: Math.floor(context.now() / 1_000) + limits.linkSecondsDefault,
      n: newNonce(),
      d: dataset,
    },
    context.settings.linkKey,
  );
  return `${context.origin}/files/u/${token}`;
}
