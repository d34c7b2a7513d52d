import type { UploadEnd } from "@trainyard/shared/protocol/operations/uploads.ts";

/** What a caller is told of a file that arrived whole, or is still looked at. */
export function uploadAnswer(end: UploadEnd): Record<string, unknown> {
  const { complete } = end;
  if (complete === null || complete === undefined) {
    return { complete: false, processing: end.processing ?? false };
  }
  return {
    complete: true,
    processing: false,
    path: complete.path,
    bytes: complete.bytes,
    // Of what was sent: the caller compares it with its own.
    file_sha256: complete.receivedSha256 ?? complete.sha256,
    stored_sha256: complete.sha256,
    change: complete.change ?? null,
    ...(complete.archive === null || complete.archive === undefined
      ? {}
      : {
          archive: {
            files_saved: complete.archive.files,
            images: complete.archive.images,
            captions: complete.archive.captions,
            skipped: complete.archive.skipped,
            skipped_total: complete.archive.skippedTotal,
            changed: complete.archive.changed.map(({ filename, storedAs, change }) => ({
              filename,
              stored_as: storedAs,
              change,
            })),
          },
        }),
  };
}
