import { describe, expect, it } from "vitest";
import {
  judgeSafetensors,
  safetensorsHeaderLength,
} from "@trainyard/shared/jobs/safetensors-header.ts";

const header = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const tensors = {
  __metadata__: { training_info: '{"step": 12, "epoch": 1}', format: "pt" },
  a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
  b: { dtype: "F32", shape: [1], data_offsets: [8, 12] },
};

describe("judging a safetensors file without reading it", () => {
  it("accepts one whose last tensor ends at the file's end", () => {
    const bytes = header(tensors);

    expect(judgeSafetensors(bytes, 8 + bytes.byteLength + 12)).toMatchObject({
      valid: true,
      tensors: 2,
      step: 12,
    });
  });

  it("accepts null for its metadata, as MLX writes it", () => {
    const bytes = header({ __metadata__: null, a: { data_offsets: [0, 8] } });

    expect(judgeSafetensors(bytes, 8 + bytes.byteLength + 8)).toMatchObject({
      valid: true,
      metadata: {},
    });
  });

  it.each([
    ["truncated data", tensors, -1],
    ["bytes behind the last tensor", tensors, 1],
    ["no tensor", { __metadata__: {} }, 0],
    ["a hole", { a: { data_offsets: [0, 4] }, b: { data_offsets: [8, 12] } }, 0],
    ["overlap", { a: { data_offsets: [0, 8] }, b: { data_offsets: [4, 12] } }, 0],
    ["reversed offsets", { a: { data_offsets: [12, 0] } }, 0],
    ["offsets that are no numbers", { a: { data_offsets: ["0", 12] } }, 0],
    ["a list", [1], 0],
  ])("[B25] refuses %s", (_name, value, extra) => {
    const bytes = header(value);

    expect(judgeSafetensors(bytes, 8 + bytes.byteLength + 12 + extra).valid).toBe(false);
  });

  it("[B25] refuses a header length that cannot be", () => {
    const prefix = (length: bigint): Uint8Array => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, length, true);
      return bytes;
    };

    expect(safetensorsHeaderLength(prefix(2n ** 63n), 1_000)).toBeNull();
    expect(safetensorsHeaderLength(prefix(993n), 1_000)).toBeNull();
    expect(safetensorsHeaderLength(prefix(992n), 1_000)).toBe(992);
    expect(safetensorsHeaderLength(new Uint8Array(3), 1_000)).toBeNull();
  });
});
