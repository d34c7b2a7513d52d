/**
 * Judges a safetensors file from its first bytes and its length, without reading the tensors: the format is an
 * 8-byte little-endian header length, a JSON header, then the data. A kill during a save leaves a file whose
 * last offset lies beyond its end, and that is what resume must never pick.
 */
export interface SafetensorsVerdict {
  readonly valid: boolean;
  /** Why not, in our words; null when valid. */
  readonly problem: string | null;
  readonly tensors: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** `training_info.step` of the metadata, where AI Toolkit puts it. */
  readonly step: number | null;
}

/** The format's own bound on the header (safetensors: 100 MB). */
const safetensorsHeaderBytesMax = 100_000_000;

/** Length of the JSON header from the first eight bytes, or null when it cannot be one. */
export function safetensorsHeaderLength(prefix: Uint8Array, fileBytes: number): number | null {
  if (prefix.byteLength < 8) return null;
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const length = view.getBigUint64(0, true);
  if (length < 2n || length > BigInt(safetensorsHeaderBytesMax)) return null;
  return Number(length) + 8 > fileBytes ? null : Number(length);
}

export function judgeSafetensors(headerJson: Uint8Array, fileBytes: number): SafetensorsVerdict {
  const bad = (problem: string): SafetensorsVerdict => ({
    valid: false,
    problem,
    tensors: 0,
    metadata: {},
    step: null,
  });
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(headerJson));
  } catch {
    return bad("the header is not JSON");
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    return bad("the header is not an object");
  }
  const dataBytes = fileBytes - 8 - headerJson.byteLength;
  const spans: [number, number][] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      metadata = Object.fromEntries(
        Object.entries((entry ?? {}) as object).filter(
          (pair): pair is [string, string] => typeof pair[1] === "string",
        ),
      );
      continue;
    }
    const offsets: unknown = (entry as { data_offsets?: unknown } | null)?.data_offsets;
    if (!Array.isArray(offsets) || offsets.length !== 2) return bad("a tensor has no offsets");
    const [start, end] = offsets as [unknown, unknown];
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end))
      return bad("a tensor's offsets are not whole numbers");
    if ((start as number) < 0 || (end as number) < (start as number))
      return bad("a tensor's offsets are reversed");
    if ((end as number) > dataBytes) return bad("the file ends before its last tensor");
    spans.push([start as number, end as number]);
  }
  if (spans.length === 0) return bad("the file holds no tensor");
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let expected = 0;
  for (const [start, end] of spans) {
    if (start !== expected) return bad("the tensors leave a hole or overlap");
    expected = end;
  }
  if (expected !== dataBytes) return bad("the file does not end with its last tensor");
  return { valid: true, problem: null, tensors: spans.length, metadata, step: stepOf(metadata) };
}

function stepOf(metadata: Readonly<Record<string, string>>): number | null {
  try {
    const info: unknown = JSON.parse(metadata["training_info"] ?? "null");
    const step = (info as { step?: unknown } | null)?.step;
    return typeof step === "number" && Number.isSafeInteger(step) ? step : null;
  } catch {
    return null;
  }
}
