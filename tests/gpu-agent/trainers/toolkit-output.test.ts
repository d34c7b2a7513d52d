import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { toolkitCheckpoints } from "../../../gpu-agent/trainers/toolkit-output.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

/** One tensor of four bytes, as many bytes short as is said. */
function model(folder: string, name: string, missing = 0): void {
  const header = Buffer.from('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const bytes = Buffer.concat([length, header, Buffer.alloc(4)]);
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), bytes.subarray(0, bytes.length - missing));
}

const found = (folder: string, stem = "dog") =>
  toolkitCheckpoints(folder, stem).map(({ name, step, final, valid }) => ({
    name,
    step,
    final,
    valid,
  }));

describe("toolkitCheckpoints", () => {
  it("lists steps first and the final file last, and judges each", () => {
    const folder = temporaryFolder();
    model(folder, "dog.safetensors");
    model(folder, "dog_000000500.safetensors", 2);
    model(folder, "dog_000000250.safetensors");

    expect(found(folder)).toEqual([
      { name: "dog_000000250.safetensors", step: 250, final: false, valid: true },
      { name: "dog_000000500.safetensors", step: 500, final: false, valid: false },
      { name: "dog.safetensors", step: null, final: true, valid: true },
    ]);
  });

  it("knows both halves of a model of two stages, and what is trained beside a network", () => {
    const folder = temporaryFolder();
    for (const name of [
      "dog_000000250_high_noise.safetensors",
      "dog_000000250_low_noise.safetensors",
      "dog_LoRA_000000300.safetensors",
      "dog_high_noise.safetensors",
      "dog_low_noise.safetensors",
    ])
      model(folder, name);

    expect(found(folder).map(({ name, step, final }) => [name, step, final])).toEqual([
      ["dog_000000250_high_noise.safetensors", 250, false],
      ["dog_000000250_low_noise.safetensors", 250, false],
      ["dog_LoRA_000000300.safetensors", 300, false],
      ["dog_high_noise.safetensors", null, true],
      ["dog_low_noise.safetensors", null, true],
    ]);
  });

  it("takes a whole model's folder as one checkpoint, broken when one of its files is", () => {
    const folder = temporaryFolder();
    model(folder, "dog_000000250/transformer/model.safetensors");
    model(folder, "dog_000000250/vae/model.safetensors", 1);
    model(folder, "dog/transformer/a.safetensors");
    mkdirSync(join(folder, "dog_notes"));

    expect(toolkitCheckpoints(folder, "dog")).toMatchObject([
      { name: "dog_000000250", step: 250, final: false, valid: false },
      {
        name: "dog",
        step: null,
        final: true,
        valid: true,
        parts: ["dog/transformer/a.safetensors"],
      },
    ]);
  });

  it("leaves other jobs' files and other types alone", () => {
    const folder = temporaryFolder();
    for (const name of ["dogs.safetensors", "dog-2.safetensors", "dog_25.safetensors"])
      model(folder, name);
    writeFileSync(join(folder, "dog.pt"), "");

    expect(found(folder)).toEqual([]);
  });
});
