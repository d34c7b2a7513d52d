import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AttemptFiles } from "../../gpu-agent/home.ts";
import { logEnd } from "../../gpu-agent/jobs/log-end.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

function setUp(): AttemptFiles {
  const folder = temporaryFolder();
  return { stdout: join(folder, "out"), stderr: join(folder, "err") } as unknown as AttemptFiles;
}

test("what was printed, then the other stream by its name, and the frame that is being drawn", () => {
  const files = setUp();
  writeFileSync(files.stdout, "one\ntwo\ntwo\nhalf of a lin");
  writeFileSync(files.stderr, "warning\n\rj:  1%|  | 1/9 [00:00<?]\rj:  2%|  | 2/9 [00:00<?]");

  expect(logEnd(files, [])).toEqual([
    "one",
    "two ×2",
    "half of a …",
    "stderr: warning",
    "stderr: j:  1%|  | 1/9 [00:00<?]",
    "stderr: j:  2%|  | 2/9 [00:00<?]",
  ]);
});

test("no secret, whole or half, and never longer than the head may be", () => {
  const files = setUp();
  writeFileSync(files.stdout, `use swordfish\nkey hf_abcdefgh`);
  writeFileSync(
    files.stderr,
    Array.from({ length: 200 }, (_, n) => `${"x".repeat(100)} ${n}\n`).join(""),
  );
  const lines = logEnd(files, [{ value: "swordfish" }]);

  expect(lines.slice(0, 2)).toEqual(["use [redacted:secret]", "key …"]);
  expect(lines).toHaveLength(22);
  expect(lines.every((line) => line.length <= 2_000)).toBe(true);
});
