import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  readTensorFile,
  writeTensorFile,
} from "../../../../gpu-agent/trainers/tiny/safetensors.ts";
import { temporaryFolder } from "./tiny-run.ts";

function writeExample(): string {
  const path = join(temporaryFolder(), "a.safetensors");
  writeTensorFile(path, {
    metadata: { format: "pt" },
    tensors: new Map([
      ["x", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6.5) }],
      ["scale", { shape: [], data: Float32Array.of(64) }],
    ]),
  });
  return path;
}

describe("safetensors", () => {
  it("reads back what it wrote", () => {
    const file = readTensorFile(writeExample());

    expect(file.metadata).toEqual({ format: "pt" });
    expect([...file.tensors]).toEqual([
      ["x", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6.5) }],
      ["scale", { shape: [], data: Float32Array.of(64) }],
    ]);
  });

  it("pads its header to eight bytes", () => {
    const bytes = readFileSync(writeExample());

    expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0);
    expect(bytes.length).toBe(8 + Number(bytes.readBigUInt64LE()) + 7 * 4);
  });

  it.each([4, 20, -1])("refuses a file cut at %d", (at) => {
    const path = writeExample();
    const { length } = readFileSync(path);
    truncateSync(path, at < 0 ? length + at : at);

    expect(() => readTensorFile(path)).toThrow(/it is shorter|cut off/);
  });

  it("refuses a file with something after its end", () => {
    const path = writeExample();
    writeFileSync(path, "x", { flag: "a" });

    expect(() => readTensorFile(path)).toThrow("its length does not match");
  });
});
