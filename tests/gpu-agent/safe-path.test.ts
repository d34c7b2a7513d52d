import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openInside, pathInside, plainPathInside } from "../../gpu-agent/safe-path.ts";
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
