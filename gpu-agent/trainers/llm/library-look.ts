import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { limits } from "@trainyard/shared/limits.ts";
import { writeFileAtomic } from "../../files/atomic-write.ts";
import { trainerEnvironment } from "../../jobs/environment.ts";
import { pythonStamps } from "../python-stamps.ts";

const lookSchema = z.object({
  key: z.string(),
  atMs: z.number(),
  /** Null: everything that a training needs can be imported. */
  problem: z.string().nullable(),
  versions: z.record(z.string(), z.string()),
  /** PyTorch sees a card. */
  cuda: z.boolean(),
  bitsandbytes: z.boolean(),
  mlx: z.boolean(),
});
export type LibraryLook = z.infer<typeof lookSchema>;

const script = `
import importlib.util, json
from importlib.metadata import version
found = {"versions": {}, "cuda": False}
import torch, transformers, peft, accelerate
for name in ("torch", "transformers", "peft"):
    found["versions"][name] = version(name)
found["cuda"] = torch.cuda.is_available()
for name, module in (("bitsandbytes", "bitsandbytes"), ("mlx", "mlx_lm")):
    found[name] = importlib.util.find_spec(module) is not None
print("TRAINYARD " + json.dumps(found))
`;

/** Imports what a training needs, in a process of its own: seconds, and a hundred times the agent's memory. */
export async function lookAtLibraries(python: string, nowMs: number): Promise<LibraryLook> {
  const { execa } = await import("execa");
  const run = await execa(python, ["-c", script], {
    env: trainerEnvironment(process.env, {}),
    extendEnv: false,
    timeout: limits.llmLookMs,
    maxBuffer: 1024 * 1024,
    reject: false,
  });
  const base = {
    key: lookKey(python),
    atMs: nowMs,
    versions: {},
    cuda: false,
    bitsandbytes: false,
    mlx: false,
  };
  const answer = /^TRAINYARD (\{.*\})$/m.exec(run.stdout)?.[1];
  if (run.exitCode === 0 && answer !== undefined) {
    const found = lookSchema
      .omit({ key: true, atMs: true, problem: true })
      .parse(JSON.parse(answer));
    return { ...base, ...found, problem: null };
  }
  const last = run.stderr.trimEnd().split("\n").at(-1)?.trim() ?? "";
  const problem = run.timedOut
    ? `importing torch took longer than ${limits.llmLookMs / 1_000} s`
    : last || (run.shortMessage ?? "no message");
  return { ...base, problem: problem.slice(0, 200) };
}

/** Another Python, or a package that was installed or removed, asks for another look. */
export function lookKey(python: string): string {
  const parts = JSON.stringify(pythonStamps(python));
  return createHash("sha256").update(parts).digest("hex").slice(0, 32);
}

export function loadLook(path: string): LibraryLook | null {
  try {
    return lookSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}

export function saveLook(path: string, look: LibraryLook): void {
  writeFileAtomic(path, `${JSON.stringify(look)}\n`);
}
