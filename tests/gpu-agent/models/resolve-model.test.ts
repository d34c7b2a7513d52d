import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { createModelTree } from "../../../gpu-agent/models/model-tree.ts";
import { resolveModel } from "../../../gpu-agent/models/resolve-model.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

describe("a model name in a config", () => {
  let one: string;
  let two: string;
  let outside: string;
  const resolve = (name: string) => resolveModel(name, [one, two], createModelTree());
  const touch = (root: string, path: string): string => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), path);
    return join(root, path);
  };

  beforeEach(() => {
    one = temporaryFolder();
    two = temporaryFolder();
    outside = temporaryFolder();
    touch(one, "checkpoints/flux1-dev.safetensors");
    touch(one, "checkpoints/twice.safetensors");
    touch(two, "unet/twice.safetensors");
    touch(two, "diffusers/sd15/model_index.json");
    touch(two, "ostris/Flex.1-alpha/transformer/config.json");
    touch(outside, "secret.safetensors");
    symlinkSync(outside, join(one, "out"));
  });

  it.each([
    ["a path below a root", "checkpoints/flux1-dev.safetensors"],
    ["a path with ./ before it", "./checkpoints/flux1-dev.safetensors"],
    ["a file name", "flux1-dev.safetensors"],
    ["a name without its ending", "flux1-dev"],
    ["the end of a path", "models/checkpoints/flux1-dev.safetensors"],
  ])("that is %s is the file", async (_what, name) => {
    expect(await resolve(name)).toEqual({
      kind: "file",
      path: join(one, "checkpoints/flux1-dev.safetensors"),
    });
  });

  it("that is an absolute path inside a root is that file", async () => {
    const path = join(two, "unet/twice.safetensors");

    expect(await resolve(path)).toEqual({ kind: "file", path });
  });

  it.each([
    ["sd15", "diffusers/sd15"],
    ["diffusers/sd15", "diffusers/sd15"],
    ["ostris/Flex.1-alpha", "ostris/Flex.1-alpha"],
  ])("%s is the folder that lies there", async (name, folder) => {
    expect(await resolve(name)).toEqual({ kind: "folder", path: join(two, folder) });
  });

  it.each(["black-forest-labs/FLUX.1-dev", "runwayml/stable-diffusion-v1-5"])(
    "%s stays a hub id",
    async (name) => {
      expect(await resolve(name)).toEqual({ kind: "hub", name });
    },
  );

  it("that several files have is ambiguous, and a path tells which", async () => {
    expect(await resolve("twice.safetensors")).toEqual({
      kind: "ambiguous",
      candidates: [join(one, "checkpoints/twice.safetensors"), join(two, "unet/twice.safetensors")],
    });
    expect(await resolve("unet/twice")).toEqual({
      kind: "file",
      path: join(two, "unet/twice.safetensors"),
    });
  });

  it("that leads to one file on two ways is that file", async () => {
    const path = touch(one, "a/same.safetensors");
    mkdirSync(join(two, "b"));
    linkSync(path, join(two, "b", "same.safetensors"));

    expect(await resolve("same.safetensors")).toEqual({ kind: "file", path });
  });

  it.each([
    ["stable-diffusion-v1-5", "not-found"],
    ["none.safetensors", "not-found"],
    ["some/none.ckpt", "not-found"],
    ["/etc/passwd", "outside-roots"],
    ["/nowhere/x.safetensors", "outside-roots"],
    ["out/secret.safetensors", "outside-roots"],
    ["../x.safetensors", "not-a-name"],
    ["a/../../x.safetensors", "not-a-name"],
    ["file:///etc/passwd", "not-a-name"],
    ["\\\\host\\share\\x.safetensors", "not-a-name"],
    ["x\0.safetensors", "not-a-name"],
    ["", "not-a-name"],
  ])("%j is missing: %s", async (name, reason) => {
    const found = await resolve(name);

    // Below a root the link is found by its path; it must not be offered by its base name either.
    expect(found.kind).toBe("missing");
    if (name !== "out/secret.safetensors") expect(found).toEqual({ kind: "missing", reason });
  });

  it("with no root at all still tells a hub id from a file", async () => {
    expect(await resolveModel("a/b", [], createModelTree())).toEqual({ kind: "hub", name: "a/b" });
    expect(await resolveModel("b.safetensors", [], createModelTree())).toEqual({
      kind: "missing",
      reason: "not-found",
    });
  });
});
