import fs, {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { moveToTrash } from "../../gpu-agent/files/trash.ts";
import { atFile } from "../../gpu-agent/datasets/changes/place.ts";
import {
  openFolderInside,
  openInside,
  pathInside,
  plainPathInside,
} from "../../gpu-agent/safe-path.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

test.each([[[".."]], [["a", "..", "b"]], [["a/b"]], [["a\\b"]], [["a\0b"]], [[""]], [["."]]])(
  "%j leaves the root and is refused",
  (segments) => {
    expect(() => pathInside("/root", segments)).toThrow(
      expect.objectContaining({ code: "PATH_ESCAPE" }),
    );
  },
);

test("a link inside a root is not followed, neither as a file nor as a folder", () => {
  const root = temporaryFolder();
  const outside = temporaryFolder();
  writeFileSync(join(outside, "secret"), "x");
  symlinkSync(join(outside, "secret"), join(root, "file"));
  symlinkSync(outside, join(root, "folder"));
  for (const segments of [["file"], ["folder", "secret"], ["folder", "new"]]) {
    expect(() => plainPathInside(root, segments)).toThrow(
      expect.objectContaining({ code: "PATH_ESCAPE" }),
    );
    expect(() => openInside(root, segments)).toThrow(
      expect.objectContaining({ code: "PATH_ESCAPE" }),
    );
  }
});

test("what is not a plain file is not opened, and nothing blocks on it", () => {
  const root = temporaryFolder();
  mkdirSync(join(root, "folder"));
  expect(() => openInside(root, ["folder"])).toThrow(
    expect.objectContaining({ code: "NOT_FOUND" }),
  );
  expect(() => openInside(root, ["missing"])).toThrow(
    expect.objectContaining({ code: "NOT_FOUND" }),
  );
});

test("a root that is itself reached through a link works", () => {
  const real = temporaryFolder();
  writeFileSync(join(real, "a"), "x");
  const link = join(temporaryFolder(), "link");
  symlinkSync(real, link);
  const file = openInside(link, ["a"]);
  expect(file.stat.size).toBe(1);
  file.close();
});

/** Runs the work while somebody puts a link in the folder's place behind every check of it. */
function swappedBehindEachCheck(root: string, outside: string, work: () => unknown): unknown {
  const patched = fs as unknown as { lstatSync: typeof fs.lstatSync };
  const real = fs.lstatSync;
  let swapped = false;
  const swap = (): void => {
    if (swapped) return;
    swapped = true;
    renameSync(join(root, "folder"), join(root, "folder.before"));
    symlinkSync(outside, join(root, "folder"));
  };
  patched.lstatSync = ((...args: Parameters<typeof real>) => {
    const found = real(...args);
    if (String(args[0]).endsWith("/folder")) swap();
    return found;
  }) as typeof real;
  syncBuiltinESMExports();
  try {
    return work();
  } finally {
    patched.lstatSync = real;
    syncBuiltinESMExports();
    expect(swapped).toBe(true);
  }
}

test.each([
  ["a file is read", (root: string) => openInside(root, ["folder", "a"])],
  ["a folder is opened", (root: string) => openFolderInside(root, ["folder"])],
  [
    "a file is changed",
    (root: string) => atFile(root, ["folder", "a"], (path) => writeFileSync(path, "x")),
  ],
  ["a file is deleted", (root: string) => moveToTrash(root, ["folder", "a"], { nowMs: 1 })],
])("a folder swapped for a link between check and use gives nothing away when %s", (_, work) => {
  const [root, outside] = [temporaryFolder(), temporaryFolder()];
  mkdirSync(join(root, "folder"));
  writeFileSync(join(root, "folder", "a"), "inside");
  writeFileSync(join(outside, "a"), "outside");

  expect(() => swappedBehindEachCheck(root, outside, () => work(root))).toThrow(
    expect.objectContaining({ code: "PATH_ESCAPE" }),
  );

  expect(readFileSync(join(outside, "a"), "utf8")).toBe("outside");
  expect(existsSync(join(root, "folder.before", "a"))).toBe(true);
});
