/** A valid safetensors file with one tensor of these bytes. */
export function safetensors(payload: Uint8Array, metadata: Record<string, string> = {}): Buffer {
  const header = Buffer.from(
    JSON.stringify({
      __metadata__: metadata,
      weight: { dtype: "U8", shape: [payload.byteLength], data_offsets: [0, payload.byteLength] },
    }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.byteLength));
  return Buffer.concat([length, header, payload]);
}
