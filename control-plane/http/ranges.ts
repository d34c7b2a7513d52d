import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";

/** Half-open: `end` is the first byte that is not in it. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The ranges of a `Range` header (RFC 9110, 14): `a-b`, `a-`, `-n`, several with commas. Null where the whole file is meant: no
 * header, or another unit. Ranges outside the file are left out as long as one is inside; overlapping ones are joined, since they
 * would send bytes twice. Throws RANGE_INVALID when none is inside, one makes no sense, or there are too many.
 */
export function parseRanges(header: string | null, bytes: number): readonly ByteRange[] | null {
  const list = header === null ? undefined : /^ *bytes *=(.*)$/i.exec(header)?.[1];
  if (list === undefined) return null;
  const parts = list.split(",");
  if (parts.length > limits.rangesPerRequest) {
    throw invalid(bytes, `At most ${limits.rangesPerRequest} ranges are answered at once.`);
  }
  const ranges = parts
    .map((part) => parseRange(part, bytes))
    .filter((range) => range !== "outside");
  if (ranges.length === 0) throw invalid(bytes);
  return join(ranges);
}

function parseRange(text: string, bytes: number): ByteRange | "outside" {
  const range = /^ *(\d{0,15}) *- *(\d{0,15}) *$/.exec(text);
  const [first, last] = [range?.[1] ?? "", range?.[2] ?? ""];
  if (first === "" && last === "") throw invalid(bytes);
  if (first === "") {
    const length = Math.min(Number(last), bytes);
    return length === 0 ? "outside" : { start: bytes - length, end: bytes };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) throw invalid(bytes);
  const end = last === "" ? bytes : Math.min(Number(last) + 1, bytes);
  return start >= bytes ? "outside" : { start, end };
}

/** In the order they were asked for, unless two overlap or touch: then all in order of the file. */
function join(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const joined: ByteRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const before = joined.at(-1);
    if (before === undefined || range.start > before.end) joined.push(range);
    else joined[joined.length - 1] = { ...before, end: Math.max(before.end, range.end) };
  }
  return joined.length === ranges.length ? ranges : joined;
}

function invalid(bytes: number, message = "This range is not in the file."): AppError {
  return new AppError("RANGE_INVALID", message, {
    hint: `Ask for bytes from 0 to ${Math.max(0, bytes - 1)}, or leave Range out for the whole file.`,
    details: { bytes },
  });
}

export function contentRange({ start, end }: ByteRange, bytes: number): string {
  return `bytes ${start}-${end - 1}/${bytes}`;
}

/** The pieces between the ranges of a `multipart/byteranges` body, and the whole body's length. */
export function multipartOf(
  ranges: readonly ByteRange[],
  file: { readonly bytes: number; readonly type: string },
  boundary: string,
): { readonly heads: readonly Uint8Array[]; readonly tail: Uint8Array; readonly bytes: number } {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const heads = ranges.map((range, at) =>
    encode(
      `${at === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${file.type}\r\nContent-Range: ${contentRange(range, file.bytes)}\r\n\r\n`,
    ),
  );
  const tail = encode(`\r\n--${boundary}--\r\n`);
  const bytes =
    heads.reduce((sum, head) => sum + head.byteLength, tail.byteLength) +
    ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  return { heads, tail, bytes };
}
