import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createModelTree } from "../../../gpu-agent/models/model-tree.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

function touch(root: string, ...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), "x");
  }
}

const paths = (listing: { files: readonly { relativePath: string }[] }): string[] =>
  listing.files.map(({ relativePath }) => relativePath).sort();

test("finds model files of every ending at any depth, and folders that are a model", async () => {
  const root = temporaryFolder();
  touch(
    root,
    "a.safetensors",
    "checkpoints/b.CKPT",
    "loras/deep/c.gguf",
    "loras/readme.md",
    ".hidden/d.safetensors",
    "diffusers/sd/model_index.json",
    "diffusers/sd/unet/e.bin",
  );

  const listing = await createModelTree().list([root, join(root, "none")]);

  expect(paths(listing)).toEqual([
    "a.safetensors",
    "checkpoints/b.CKPT",
    "diffusers/sd/unet/e.bin",
    "loras/deep/c.gguf",
  ]);
  expect(listing.folders.map(({ relativePath }) => relativePath)).toEqual(["diffusers/sd"]);
  expect(listing).toMatchObject({ missingRoots: [join(root, "none")], limited: false });
});

test("follows links inside the roots once, and none that leads out", async () => {
  const root = temporaryFolder();
  const other = temporaryFolder();
  const outside = temporaryFolder();
  touch(root, "loras/a.safetensors");
  touch(other, "b.safetensors");
  touch(outside, "secret.safetensors");
  symlinkSync(root, join(root, "loras", "loop"));
  symlinkSync(other, join(root, "shared"));
  symlinkSync(join(other, "b.safetensors"), join(root, "loras", "linked.safetensors"));
  symlinkSync(outside, join(root, "out"));
  symlinkSync(join(outside, "secret.safetensors"), join(root, "secret.safetensors"));
  symlinkSync(join(root, "nowhere"), join(root, "broken.safetensors"));

  const listing = await createModelTree().list([root, other]);

  expect(paths(listing)).toEqual([
    "loras/a.safetensors",
    "loras/linked.safetensors",
    "shared/b.safetensors",
  ]);
  expect(listing.skippedLinks).toBe(2);
});

test("reads a folder again only when its time changed", async () => {
  const root = temporaryFolder();
  touch(root, "loras/a.safetensors", "loras/b.safetensors");
  const longAgo = new Date(Date.now() - 3_600_000);
  const age = (folder: string, at: Date): void => utimesSync(join(root, folder), at, at);
  age("loras", longAgo);
  const tree = createModelTree();
  await tree.list([root]);

  rmSync(join(root, "loras", "b.safetensors"));
  age("loras", longAgo);
  const remembered = await tree.list([root]);
  age("loras", new Date(longAgo.getTime() + 1_000));
  const seenAgain = await tree.list([root]);

  expect(paths(remembered)).toEqual(["loras/a.safetensors", "loras/b.safetensors"]);
  expect(paths(seenAgain)).toEqual(["loras/a.safetensors"]);
});

test("a folder that was read in the very moment of its change is not believed", async () => {
  const root = temporaryFolder();
  touch(root, "a.safetensors");
  const now = new Date();
  utimesSync(root, now, now);
  const tree = createModelTree({ now: () => now.getTime() });
  await tree.list([root]);

  touch(root, "b.safetensors");
  utimesSync(root, now, now);

  expect(paths(await tree.list([root]))).toEqual(["a.safetensors", "b.safetensors"]);
});

test("is bounded by entries and by time, says so, and does not remember what it cut", async () => {
  const root = temporaryFolder();
  touch(root, ...Array.from({ length: 30 }, (_, n) => `f/${n}.safetensors`));
  const longAgo = new Date(Date.now() - 3_600_000);
  utimesSync(join(root, "f"), longAgo, longAgo);
  const tree = createModelTree({ maxEntries: 10 });
  const cut = await tree.list([root]);
  let at = 0;
  const slow = await createModelTree({ now: () => (at += 15_000) }).list([root]);

  expect(cut.limited).toBe(true);
  expect(cut.files.length).toBeLessThanOrEqual(10);
  expect(await tree.list([root])).toEqual(cut);
  expect(slow.limited).toBe(true);
});
