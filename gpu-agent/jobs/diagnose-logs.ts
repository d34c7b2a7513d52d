import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { diagnose } from "@trainyard/shared/logs/failure/diagnosis.ts";
import type { Diagnosis } from "@trainyard/shared/logs/failure/diagnosis.ts";
import { analyzeLog } from "@trainyard/shared/logs/log-reader.ts";
import type { ExitFacts } from "@trainyard/shared/logs/log-report.ts";
import { redact } from "@trainyard/shared/redact.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import type { EndedAttempt } from "./conclude-attempt.ts";
import { kernelMemoryKills } from "./kernel-kills.ts";

/**
 * Why a run ended as it did, from the end of its two logs and from how the process ended. Read once, when it is over:
 * nothing of it has to survive a restart. Null when the logs say nothing bad.
 */
export function diagnoseLogs(
  {
    files,
    end,
    stopWanted,
    memory,
    training,
    trainer,
  }: Pick<EndedAttempt, "files" | "end" | "stopWanted" | "memory" | "training" | "trainer">,
  secrets: readonly KnownSecret[],
): Diagnosis | null {
  const exit: ExitFacts = {
    ...processFacts(end),
    stopWanted: stopWanted !== null || memory.stopMarker,
    killedForMemory: wasKilledForMemory(end, memory.memoryKills),
  };
  const tool = trainer === "llm" ? "hf-trainer" : "ai-toolkit";
  // The traceback is in stderr; what the trainer says about its job in stdout comes second.
  const reports = [files.stderr, files.stdout].map((file) =>
    analyzeLog(endOf(file), { tool, jobName: training.name, exit }),
  );
  const diagnosis = diagnose(reports, { nanSteps: memory.guardrail.nanSteps });
  if (diagnosis === null) return null;
  const { rootCauseLine } = diagnosis;
  return {
    ...diagnosis,
    rootCauseLine: rootCauseLine === null ? null : redact(rootCauseLine, secrets),
  };
}

function processFacts(end: ProcessEnd): ExitFacts {
  if (end.kind === "exited") return { exitCode: end.code };
  return end.kind === "signaled" ? { signal: end.signal } : {};
}

/** Only SIGKILL can be the kernel's; its count says whether it killed anybody since the attempt began. */
function wasKilledForMemory(end: ProcessEnd, before: number | null): boolean {
  const now = kernelMemoryKills();
  const sigkill = end.kind === "signaled" && end.signal === "SIGKILL";
  return sigkill && before !== null && now !== null && now > before;
}

/** The last part of a log; one that is not there says nothing. */
function endOf(path: string): Uint8Array {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return new Uint8Array();
  }
  try {
    const { size } = fstatSync(file);
    const bytes = new Uint8Array(Math.min(size, limits.diagnosisLogBytes));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    // What stands before the first separator may be half a line.
    const begin = read < size ? bytes.findIndex((byte) => byte === 10 || byte === 13) + 1 : 0;
    return bytes.subarray(begin, read);
  } finally {
    closeSync(file);
  }
}
