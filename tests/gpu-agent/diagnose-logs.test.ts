import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { AttemptFiles } from "../../gpu-agent/home.ts";
import { newMemory } from "../../gpu-agent/jobs/attempt-memory.ts";
import { diagnoseLogs } from "../../gpu-agent/jobs/diagnose-logs.ts";
import { kernelMemoryKills } from "../../gpu-agent/jobs/kernel-kills.ts";
import type { ProcessEnd } from "../../shared/jobs/conclude.ts";
import { limits } from "../../shared/limits.ts";

const folder = mkdtempSync(join(tmpdir(), "ty-logs-"));
afterAll(() => rmSync(folder, { recursive: true }));

const exited: ProcessEnd = { kind: "exited", code: 1 };
const fullDisk =
  "Traceback (most recent call last):\n  File \"/x/save.py\", line 1, in save\nOSError: [Errno 28] No space left on device: '/secret/hf_abcdefghijklmnopqrstuvwxyz0123'\n";

function diagnosed(
  logs: { stdout?: string; stderr?: string },
  end: ProcessEnd = exited,
  memoryKills: number | null = null,
  stopWanted: { by: string; reason: string } | null = null,
) {
  const files = {
    stdout: join(folder, "stdout.log"),
    stderr: join(folder, "stderr.log"),
  } as AttemptFiles;
  rmSync(files.stdout, { force: true });
  rmSync(files.stderr, { force: true });
  if (logs.stdout !== undefined) writeFileSync(files.stdout, logs.stdout);
  if (logs.stderr !== undefined) writeFileSync(files.stderr, logs.stderr);
  const memory = { ...newMemory(0, 10, 0), memoryKills };
  const training = { name: "cats" } as Parameters<typeof diagnoseLogs>[0]["training"];
  return diagnoseLogs({ files, end, stopWanted, memory, training, trainer: "ai-toolkit" }, []);
}

describe("diagnoseLogs", () => {
  it("names the cause from stderr, redacted, also where stdout goes on after it", () => {
    const diagnosis = diagnosed({
      stderr: fullDisk,
      stdout: "Error running job: [Errno 28] No space left on device\nSaved checkpoint to /x\n",
    });

    expect(diagnosis).toMatchObject({ category: "disk_full", outcome: "failed" });
    expect(diagnosis?.rootCauseLine).toContain("OSError: [Errno 28]");
    expect(diagnosis?.rootCauseLine).not.toContain("hf_abcdef");
  });

  it("reads only the end of a long log, from the beginning of a line", () => {
    const filler = "a quiet line of a training\n".repeat(limits.diagnosisLogBytes / 20);

    expect(diagnosed({ stderr: `${fullDisk}${filler}` })?.category).toBe("unknown_exception");
    expect(diagnosed({ stderr: `${filler}${fullDisk}` })?.category).toBe("disk_full");
  });

  it("knows a kill for memory by the kernel's count, and no other signal's", () => {
    const now = kernelMemoryKills();
    const killed: ProcessEnd = { kind: "signaled", signal: "SIGKILL" };
    if (now === null) return;

    expect(diagnosed({}, killed, now - 1)?.category).toBe("oom_host");
    expect(diagnosed({}, killed, now)?.category).toBe("killed");
    expect(diagnosed({}, { kind: "signaled", signal: "SIGSEGV" }, now - 1)?.category).toBe(
      "crash_native",
    );
  });

  it("finds nothing wrong with a stop that was asked for, nor where no log is", () => {
    const stop = { by: "user", reason: "enough" };

    expect(
      diagnosed(
        { stderr: "Traceback (most recent call last):\nKeyboardInterrupt\n" },
        { kind: "exited", code: 0 },
        null,
        stop,
      ),
    ).toBeNull();
    expect(diagnosed({}, { kind: "exited", code: 0 })).toBeNull();
  });
});
