import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface TensorFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** A header longer than this is not one of ours; reading on would allocate whatever a damaged file asks for. */
const maxHeaderBytes = 1_000_000;

/**
 * Writes float32 tensors: 8 bytes of header length, JSON padded with spaces to 8, raw little-endian numbers.
 * The file appears under its name only when it is whole, so a kill leaves the old file or the new one.
 */
export function writeTensorFile(path: string, file: TensorFile): void {
  const header: Record<string, unknown> = { __metadata__: file.metadata };
  let offset = 0;
  for (const [name, { shape, data }] of file.tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, " ");
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));

  const body = [...file.tensors.values()].map(({ data }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  );
  writeWhole(path, Buffer.concat([length, padded, ...body]));
}

/** Throws, saying why in a few words, when the file is truncated or is not what `writeTensorFile` writes. */
export function readTensorFile(path: string): TensorFile {
  const bytes = readFileSync(path);
  if (bytes.length < 8) throw new Error("it is shorter than a header");
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > bytes.length) {
    throw new Error("its header is cut off");
  }
  const header: unknown = JSON.parse(bytes.toString("utf8", 8, 8 + headerBytes));
  if (!isRecord(header)) throw new Error("its header is not an object");

  const body = bytes.subarray(8 + headerBytes);
  const tensors = new Map<string, Tensor>();
  let end = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { shape, from, to } = parseEntry(name, entry);
    if (to > body.length) throw new Error("it is cut off");
    end = Math.max(end, to);
    tensors.set(name, {
      shape,
      data: new Float32Array(new Uint8Array(body.subarray(from, to)).buffer),
    });
  }
  if (end !== body.length) throw new Error("its length does not match its header");
  return { metadata: parseMetadata(header["__metadata__"]), tensors };
}

function parseEntry(
  name: string,
  entry: unknown,
): { readonly shape: number[]; readonly from: number; readonly to: number } {
  if (!isRecord(entry) || entry["dtype"] !== "F32") throw new Error(`${name} is not float32`);
  const shape = numbers(entry["shape"]);
  const [from, to] = numbers(entry["data_offsets"]);
  const count = shape.reduce((product, size) => product * size, 1);
  if (from === undefined || to === undefined || to - from !== count * 4) {
    throw new Error(`${name} has a wrong length`);
  }
  return { shape, from, to };
}

function parseMetadata(value: unknown): Record<string, string> {
  const metadata: Record<string, string> = {};
  if (!isRecord(value)) return metadata;
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === "string") metadata[key] = text;
  }
  return metadata;
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "number") : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function writeWhole(path: string, bytes: Uint8Array): void {
  const temporary = join(dirname(path), `.tmp-${basename(path)}`);
  const file = openSync(temporary, "w");
  try {
    for (let written = 0; written < bytes.length;) {
      written += writeSync(file, bytes, written);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
