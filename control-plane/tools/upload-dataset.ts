import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import { newTransferId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseDatasetRef, parseFilename } from "@trainyard/shared/names.ts";
import type { UploadedFile } from "@trainyard/shared/tools/upload-dataset.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import { z } from "zod";
import { relayUpload } from "../http/relay.ts";
import { chooseAgent } from "./choose-agent.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { plural } from "./words.ts";

type Image = ToolInput<"upload-dataset">["images"][number];

export const uploadDataset: EdgeHandler<"upload-dataset"> = async (input, context) => {
  const dataset = parseDatasetRef(input.dataset_name);
  const decoded = input.images.map((image) => decode(image));
  checkTotal(decoded, input.images);
  const agent = await chooseAgent(context, input.agent);

  const rows: UploadedFile[] = [];
  let imagesSaved = 0;
  let captionsFailed = 0;
  for (const [at, image] of input.images.entries()) {
    const bytes = decoded[at];
    const row = await save(
      image.filename,
      bytes ?? notBase64,
      { dataset, agentId: agent.agentId },
      context,
    );
    if (row.code === "AGENT_OFFLINE" && imagesSaved === 0) throw boxIsOff(agent.agentId);
    rows.push(row);
    if (!row.saved) continue;
    imagesSaved += 1;
    if (image.caption === undefined) continue;
    const caption = new TextEncoder().encode(image.caption);
    const saved = await save(
      captionName(image.filename),
      caption,
      { dataset, agentId: agent.agentId },
      context,
    );
    if (saved.saved) continue;
    captionsFailed += 1;
    rows.push(saved);
  }
  const failed = input.images.length - imagesSaved;
  const success = failed === 0 && captionsFailed === 0;
  return {
    data: {
      status: success ? "success" : imagesSaved === 0 ? "failed" : "partial",
      success,
      dataset_name: dataset,
      dataset,
      path: `datasets/${dataset}`,
      images_saved: imagesSaved,
      files: rows,
    },
    text: `${imagesSaved} of ${plural(input.images.length, "picture")} saved to dataset ${dataset}.${failed + captionsFailed === 0 ? "" : " files says why the others were not."} Next: ${imagesSaved === 0 ? "correct what files names and send them again" : `create-training-config with dataset_path ${dataset}`}.`,
  };
};

function boxIsOff(agentId: string): AppError {
  return new AppError(
    "AGENT_OFFLINE",
    "The box is not connected, and pictures are kept nowhere else.",
    {
      hint: "Start the agent on the box, then call again.",
      details: { agent_id: agentId },
    },
  );
}

/** Strict: what is not exactly base64 was cut or changed on the way. Null where it is not. */
function decode(image: Image): Uint8Array | null {
  const text = image.content ?? image.data ?? "";
  if (text === "" || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const latin1 = atob(text);
  return Uint8Array.from(latin1, (character) => character.charCodeAt(0));
}

function checkTotal(decoded: readonly (Uint8Array | null)[], images: readonly Image[]): void {
  const captions = images.reduce((sum, { caption }) => sum + (caption?.length ?? 0), 0);
  const total = decoded.reduce((sum, bytes) => sum + (bytes?.byteLength ?? 0), captions);
  if (total <= limits.inlineFileBytes) return;
  throw new AppError(
    "PAYLOAD_TOO_LARGE",
    `The pictures have ${total} bytes; at most ${limits.inlineFileBytes} go in one call.`,
    {
      hint: "Call create-upload-link and PUT the files there, or send fewer at a time.",
      details: { max_bytes: limits.inlineFileBytes },
    },
  );
}

const notBase64 = "not-base64";

const answerSchema = z.union([
  z.object({ ok: z.literal(true), sha256: z.string(), bytes: z.int().optional() }),
  z.object({ ok: z.literal(false), error: z.object({ code: z.string(), message: z.string() }) }),
]);

/** One file through its own Transfer; what is refused stands in its row and the others go on. */
async function save(
  filename: string,
  bytes: Uint8Array | typeof notBase64,
  target: { readonly dataset: string; readonly agentId: string },
  context: EdgeContext,
): Promise<UploadedFile> {
  const refused = (code: string, message: string): UploadedFile => ({
    filename: filename.slice(0, 200),
    saved: false,
    code,
    message,
  });
  let name: string;
  try {
    name = parseFilename(filename);
  } catch (error) {
    const wire = errorToWire(error);
    return refused(wire.code, wire.message);
  }
  if (bytes === notBase64) return refused("INVALID_ARGUMENT", "content is missing or not base64.");
  if (context.now() > context.deadlineAtMs - 2_000) {
    return refused("TOOL_TIMEOUT", "This call's time was over before this file; send it again.");
  }
  const response = await relayUpload(
    context.env,
    {
      owner: context.principal.owner,
      agentId: target.agentId,
      transferId: newTransferId(),
      dataset: target.dataset,
      filename: name,
      part: 0,
      offset: 0,
      bytes: bytes.byteLength,
      totalBytes: bytes.byteLength,
      sha256: null,
      last: { totalBytes: bytes.byteLength, sha256: null },
    },
    bytes,
  );
  const answer = answerSchema.parse(await response.json());
  if (!answer.ok) return refused(answer.error.code, answer.error.message);
  return { filename: name, saved: true, size: bytes.byteLength, sha256: answer.sha256 };
}

function captionName(filename: string): string {
  return `${filename.replace(/\.[^.]*$/, "")}.txt`;
}
