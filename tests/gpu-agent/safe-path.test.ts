import fs, {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { syncBuiltinESMExports } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
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
  "[B1] [B2] %j leaves the root and is refused",
  (segments) => {
    expect(() => pathInside("/root", segments)).toThrow(
      expect.objectContaining({ code: "PATH_ESCAPE" }),
    );
  },
);

test("[B9] [B10] a link inside a root is not followed, neither as a file nor as a folder", () => {
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

test("[B12] what is not a plain file is not opened, and nothing blocks on it", async () => {
  const root = temporaryFolder();
  mkdirSync(join(root, "folder"));
  execFileSync("mkfifo", [join(root, "pipe")]);
  const socket = createServer().listen(join(root, "socket"));
  onTestFinished(() => void socket.close());
  await once(socket, "listening");
  const codeOf = (name: string): unknown => {
    try {
      return openInside(root, [name]);
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
  };

  expect(["folder", "missing", "pipe", "socket"].map(codeOf)).toEqual([
    "NOT_FOUND",
    "NOT_FOUND",
    "NOT_REGULAR_FILE",
    "NOT_REGULAR_FILE",
  ]);
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
])(
  "[B11] a folder swapped for a link between check and use gives nothing away when %s",
  (_, work) => {
    const [root, outside] = [temporaryFolder(), temporaryFolder()];
    mkdirSync(join(root, "folder"));
    writeFileSync(join(root, "folder", "a"), "inside");
    writeFileSync(join(outside, "a"), "outside");

    expect(() => swappedBehindEachCheck(root, outside, () => work(root))).toThrow(
      expect.objectContaining({ code: "PATH_ESCAPE" }),
    );

    expect(readFileSync(join(outside, "a"), "utf8")).toBe("outside");
    expect(existsSync(join(root, "folder.before", "a"))).toBe(true);
  },
);

/** Swaps a folder and a link under one name for ever. Each swap is two renames, and the name is missing in between. */
const swapper = `
const { workerData, parentPort } = require("node:worker_threads");
const { renameSync } = require("node:fs");
const { name, folder, link } = workerData;
parentPort.postMessage("begins");
for (;;) {
  renameSync(name, folder); renameSync(link, name);
  renameSync(name, link); renameSync(folder, name);
}`;

test("[B11] 10,000 reads of a folder that is swapped for a link all the time give nothing of outside", async () => {
  const [root, outside] = [temporaryFolder(), temporaryFolder()];
  mkdirSync(join(root, "folder"));
  writeFileSync(join(root, "folder", "a"), "inside");
  writeFileSync(join(outside, "a"), "outside");
  symlinkSync(outside, join(root, "link"));
  const worker = new Worker(swapper, {
    eval: true,
    workerData: {
      name: join(root, "folder"),
      folder: join(root, "folder.before"),
      link: join(root, "link"),
    },
  });
  onTestFinished(async () => void (await worker.terminate()));
  await once(worker, "message");

  const seen = new Set<unknown>();
  for (let read = 0; read < 10_000 || (seen.size < 3 && read < 1_000_000); read += 1) {
    let found: unknown;
    try {
      const file = openInside(root, ["folder", "a"]);
      found = readFileSync(file.descriptor, "utf8");
      file.close();
    } catch (error) {
      found = (error as { code?: unknown }).code;
    }
    seen.add(found);
  }

  // The race was run: both sides of it were seen.
  expect(seen).toEqual(new Set(["inside", "NOT_FOUND", "PATH_ESCAPE"]));
});
