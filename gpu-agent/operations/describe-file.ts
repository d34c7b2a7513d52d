import { mediaTypeOf, openSource } from "../files/file-source.ts";
import { hashInside } from "../models/file-hash.ts";
import { judgeOpenFile } from "../models/safetensors-file.ts";
import type { OperationHandler } from "./operation-context.ts";

/** Metadata is text from whoever wrote the file: enough to show, no more. */
const metadataEntries = 64;
const metadataCharacters = 2_000;

export const describeFile: OperationHandler<"describe-file"> = async (
  { source, hash },
  { home, spool },
) => {
  const file = openSource(home, source);
  try {
    const metadata = file.filename.endsWith(".safetensors")
      ? judgeOpenFile(file.descriptor).metadata
      : null;
    return {
      filename: file.filename,
      path: file.virtualPath,
      bytes: file.stat.size,
      sha256: hash ? await hashInside(spool, file.root, file.segments) : null,
      mediaType: mediaTypeOf(file.filename),
      modifiedAtMs: file.stat.mtimeMs,
      metadata:
        metadata === null
          ? null
          : Object.fromEntries(
              Object.entries(metadata)
                .slice(0, metadataEntries)
                .map(([key, value]) => [key.slice(0, 200), value.slice(0, metadataCharacters)]),
            ),
    };
  } finally {
    file.close();
  }
};
