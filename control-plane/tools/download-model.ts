import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import { relayDownload } from "../http/relay.ts";
import { unwrap } from "../outcome.ts";
import { changedSince, describeFile, downloadLink, findModel } from "./box-file.ts";
import type { BoxFile, FileDescription } from "./box-file.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { iso, size } from "./words.ts";

export const downloadModel: EdgeHandler<"download-model"> = async (input, context) => {
  const file = await findModel(input, context);
  const described = await describeFile(file, true, context);
  if (described.sha256 === null) {
    throw new AppError(
      "MODEL_CORRUPT",
      "The box gave no hash of this model, so it is not offered.",
      {
        hint: "list-exported-models says whether the file is valid.",
      },
    );
  }
  const changed = changedSince(file, described.sha256);
  const link = await downloadLink(
    file,
    described,
    { expiresInSeconds: input.expires_in_seconds, oneTime: false },
    context,
  );
  const full = context.detail(input.detail) === "full";
  const inline =
    context.door === "http" &&
    input.encoding === "base64" &&
    described.bytes <= limits.inlineFileBytes;
  const base64 = inline ? await content(file, described, context) : null;
  return {
    data: {
      status: "success",
      model: described.filename.replace(/\.safetensors$/i, ""),
      filename: described.filename,
      path: described.path,
      size: described.bytes,
      size_mb: Math.round(described.bytes / 10_000) / 100,
      sha256: described.sha256,
      job_id: file.jobId,
      ...(base64 === null ? {} : { content: base64 }),
      // The two earlier tools of this name differ in it, and are told apart by their parameter.
      ...(base64 === null || !context.given.has("model_name") ? {} : { data: base64 }),
      encoding: inline ? "base64" : "raw",
      download_url: link.url,
      expires_at: iso(link.expiresAtMs),
      ...(full && input.include_metadata
        ? {
            metadata: described.metadata,
            metadata_source:
              described.metadataSource ??
              (described.metadata === null ? null : "safetensors_header"),
            training_config: await trainingConfig(file, context),
          }
        : {}),
      note: changed ?? (inline ? null : noteFor(context, input.encoding)),
    },
    text: `${changed === null ? "" : `${changed} `}A model of ${size(described.bytes)} with its SHA-256${inline ? ", in content as base64" : ""}. Next: fetch download_url, or hand it to the person who wants the file.`,
  };
};

function noteFor({ door }: EdgeContext, encoding: "base64" | "raw"): string {
  if (encoding === "raw") return "No inline content was asked for.";
  return door === "mcp"
    ? "At MCP a file comes by its link only."
    : `Above ${limits.inlineFileBytes} bytes a file comes by its link only.`;
}

/** Through the same way as every download, and checked against the hash before it is shown. */
async function content(
  file: BoxFile,
  described: FileDescription,
  context: EdgeContext,
): Promise<string> {
  const response = await relayDownload(context.env, {
    owner: context.principal.owner,
    agentId: file.agentId,
    source: file.source,
    start: 0,
    end: described.bytes,
    link: null,
  });
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new AppError("TRANSFER_BROKEN", "The file was cut on its way from the box.", {
      hint: "Call again, or use download_url, which can resume.",
      cause,
    });
  }
  if ((await sha256Hex(bytes)) !== described.sha256) {
    throw new AppError("CHECKSUM_MISMATCH", "The file changed while it was read.", {
      hint: "Call again.",
    });
  }
  let latin1 = "";
  for (let at = 0; at < bytes.length; at += 32_768) {
    latin1 += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  }
  return btoa(latin1);
}

async function trainingConfig(file: BoxFile, context: EdgeContext): Promise<JsonDocument | null> {
  if (file.jobId === null) return null;
  return unwrap(await context.job(file.jobId).describe()).snapshot.document as JsonDocument;
}
