import { readFileSync } from "node:fs";
import { openInside } from "../safe-path.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { mediaTypeOf, openSource } from "../files/file-source.ts";
import type { OpenSource } from "../files/file-source.ts";
import { hashInside } from "../models/file-hash.ts";
import { judgeOpenFile } from "../models/safetensors-file.ts";
import type { OperationHandler } from "./operation-context.ts";

/** Metadata is text from whoever wrote the file: enough to show, no more. */
const metadataEntries = 64;
const metadataCharacters = 2_000;

export const describeFile: OperationHandler<"describe-file"> = async (
  { source, hash },
  { home, spool, supervisor },
) => {
  const file = openSource(home, source, supervisor.findOutput);
  try {
    const found = file.filename.endsWith(".safetensors") ? metadataOf(file) : null;
    return {
      filename: file.filename,
      path: file.virtualPath,
      bytes: file.stat.size,
      sha256: hash ? await hashInside(spool, file.root, file.segments) : null,
      mediaType: mediaTypeOf(file.filename),
      modifiedAtMs: file.stat.mtimeMs,
      metadata: found === null ? null : short(found.metadata),
      metadataSource: found?.source ?? null,
    };
  } finally {
    file.close();
  }
};

interface FoundMetadata {
  readonly metadata: Readonly<Record<string, string>>;
  readonly source: string | null;
}

/** The header's own; where it has none, a file beside the model as other tools write it (peers 1.3). */
function metadataOf(file: OpenSource): FoundMetadata {
  const { metadata } = judgeOpenFile(file.descriptor);
  if (Object.keys(metadata).length > 0) return { metadata, source: null };
  const stem = file.filename.slice(0, -".safetensors".length);
  for (const name of [`${stem}.json`, `${stem}.metadata.json`]) {
    const beside = readBeside(file, name);
    if (beside !== null) return { metadata: beside, source: name };
  }
  return { metadata, source: null };
}

function readBeside(file: OpenSource, name: string): Record<string, string> | null {
  let beside: ReturnType<typeof openInside>;
  try {
    beside = openInside(file.root, [...file.segments.slice(0, -1), name]);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
  try {
    if (beside.stat.size > limits.metadataFileBytes) return null;
    const value: unknown = JSON.parse(readFileSync(beside.descriptor, "utf8"));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [
        key,
        typeof entry === "string" ? entry : (JSON.stringify(entry) ?? ""),
      ]),
    );
  } catch {
    return null;
  } finally {
    beside.close();
  }
}

function short(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata)
      .slice(0, metadataEntries)
      .map(([key, value]) => [key.slice(0, 200), value.slice(0, metadataCharacters)]),
  );
}
