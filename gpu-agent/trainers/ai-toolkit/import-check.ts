import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { limits } from "@trainyard/shared/limits.ts";
import { analyzeLog } from "@trainyard/shared/logs/log-reader.ts";
import { writeFileAtomic } from "../../files/atomic-write.ts";
import { trainerEnvironment } from "../../jobs/environment.ts";
import { pythonStamps, stampOf } from "../python-stamps.ts";
import type { ToolkitInstallation } from "./installation.ts";

const checkSchema = z.object({
  /** Of everything that can change the answer. */
  key: z.string(),
  atMs: z.number(),
  /** Null: everything can be imported. */
  problem: z.object({ line: z.string(), fix: z.string().nullable() }).nullable(),
  torch: z.string().nullable(),
  cuda: z.string().nullable(),
  /** Cards that its PyTorch can use. */
  gpus: z.number().nullable(),
});
export type ImportCheck = z.infer<typeof checkSchema>;

/**
 * Starting any job imports every built-in extension, so one missing package fails them all, minutes into a queue. Asked beforehand,
 * in a process of its own, as the trainer itself would be run.
 */
const script = `
import json, os, sys
sys.path.insert(0, os.getcwd())
from toolkit.extension import get_all_extensions_process_dict
get_all_extensions_process_dict()
import torch
print("TRAINYARD " + json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda, "gpus": torch.cuda.device_count()}))
`;

export async function checkImports(
  installation: ToolkitInstallation,
  nowMs: number,
): Promise<ImportCheck> {
  const { execa } = await import("execa");
  const { root, python } = installation;
  const run = await execa(python, ["-c", script], {
    cwd: root,
    env: trainerEnvironment(process.env, {}),
    extendEnv: false,
    timeout: limits.importCheckMs,
    maxBuffer: 4 * 1024 * 1024,
    reject: false,
  });
  const base = { key: importKey(installation), atMs: nowMs, torch: null, cuda: null, gpus: null };
  const answer = /^TRAINYARD (\{.*\})$/m.exec(run.stdout)?.[1];
  if (run.exitCode === 0 && answer !== undefined) {
    const facts = JSON.parse(answer) as { torch: string; cuda: string | null; gpus: number };
    return { ...base, ...facts, problem: null };
  }
  if (run.timedOut) {
    const line = `importing its packages took longer than ${limits.importCheckMs / 1_000} s`;
    return { ...base, problem: { line, fix: null } };
  }
  const text = `${run.stdout}\n${run.stderr}`;
  const last = run.stderr.trimEnd().split("\n").at(-1)?.trim() ?? "";
  const { signature, fix } = analyzeLog(text, {
    tool: "ai-toolkit",
    exit: { exitCode: run.exitCode ?? 1 },
  });
  return {
    ...base,
    problem: {
      line: (last === "" ? (run.shortMessage ?? "no message") : last).slice(0, 200),
      fix: signature === null ? null : fix,
    },
  };
}

/** Another checkout, another Python, or a package that was installed or removed, asks for another look. */
export function importKey({ root, python, version, commit }: ToolkitInstallation): string {
  const requirements = stampOf(join(root, "requirements_base.txt"));
  const parts = [root, version, commit, requirements, ...pythonStamps(python)];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

export function loadImportCheck(path: string): ImportCheck | null {
  try {
    return checkSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}

export function saveImportCheck(path: string, check: ImportCheck): void {
  writeFileAtomic(path, `${JSON.stringify(check)}\n`);
}
