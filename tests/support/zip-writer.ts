import { crc32, deflateRawSync } from "node:zlib";

/** One entry of a zip as a test wants it; whatever is given here is written, true or not. */
export interface ZipEntry {
  readonly name: string | Buffer;
  readonly bytes?: Uint8Array;
  readonly method?: number;
  /** Unix mode, type included; makes the entry one of a Unix tool. */
  readonly mode?: number;
  readonly flags?: number;
  readonly crc?: number;
  /** Declared sizes in the directory, where they are not the true ones. */
  readonly declared?: { readonly bytes?: number; readonly compressed?: number };
  /** Where the directory says that the entry begins: its own place when missing. */
  readonly offset?: number;
  /** Sizes and place in the 64-bit fields, as for files above 4 GiB. */
  readonly zip64?: boolean;
}

/** A zip archive, well-formed unless an entry says otherwise. */
export function zipOf(
  entries: readonly ZipEntry[],
  tail: { readonly entryCount?: number } = {},
): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const written = writeEntry(entry, at);
    parts.push(written.local);
    directory.push(written.central);
    at += written.local.byteLength;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(tail.entryCount ?? entries.length, 8);
  end.writeUInt16LE(tail.entryCount ?? entries.length, 10);
  end.writeUInt32LE(central.byteLength, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, central, end]);
}

function writeEntry(
  entry: ZipEntry,
  at: number,
): { readonly local: Buffer; readonly central: Buffer } {
  const bytes = Buffer.from(entry.bytes ?? new Uint8Array());
  const method = entry.method ?? 8;
  const packed = method === 8 ? deflateRawSync(bytes) : bytes;
  const name = Buffer.isBuffer(entry.name) ? entry.name : Buffer.from(entry.name, "utf8");
  const crc = entry.crc ?? crc32(bytes);
  const flags = entry.flags ?? 0x800;
  const size = entry.declared?.bytes ?? bytes.byteLength;
  const compressed = entry.declared?.compressed ?? packed.byteLength;
  const offset = entry.offset ?? at;
  const full = 0xffffffff;

  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(20, 4);
  local.writeUInt16LE(flags, 6);
  local.writeUInt16LE(method, 8);
  local.writeUInt32LE(crc, 14);
  local.writeUInt32LE(packed.byteLength, 18);
  local.writeUInt32LE(bytes.byteLength, 22);
  local.writeUInt16LE(name.byteLength, 26);

  const extra = entry.zip64 === true ? Buffer.alloc(28) : Buffer.alloc(0);
  if (entry.zip64 === true) {
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(24, 2);
    extra.writeBigUInt64LE(BigInt(size), 4);
    extra.writeBigUInt64LE(BigInt(compressed), 12);
    extra.writeBigUInt64LE(BigInt(offset), 20);
  }
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  // Made by Unix, where there is a mode.
  central.writeUInt16LE(entry.mode === undefined ? 20 : (3 << 8) | 20, 4);
  central.writeUInt16LE(20, 6);
  central.writeUInt16LE(flags, 8);
  central.writeUInt16LE(method, 10);
  central.writeUInt32LE(crc, 16);
  central.writeUInt32LE(entry.zip64 === true ? full : compressed, 20);
  central.writeUInt32LE(entry.zip64 === true ? full : size, 24);
  central.writeUInt16LE(name.byteLength, 28);
  central.writeUInt16LE(extra.byteLength, 30);
  central.writeUInt32LE(((entry.mode ?? 0) << 16) >>> 0, 38);
  central.writeUInt32LE(entry.zip64 === true ? full : offset, 42);
  return {
    local: Buffer.concat([local, name, packed]),
    central: Buffer.concat([central, name, extra]),
  };
}
