import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

class Killed extends Error {}

type AnyFunction = (...args: never[]) => unknown;

const synchronous = [
  "renameSync",
  "mkdirSync",
  "rmSync",
  "rmdirSync",
  "unlinkSync",
  "writeFileSync",
  "writeSync",
  "openSync",
  "copyFileSync",
  "utimesSync",
] as const;
const asynchronous = [
  "rename",
  "mkdir",
  "rm",
  "rmdir",
  "unlink",
  "writeFile",
  "open",
  "copyFile",
  "utimes",
] as const;

/**
 * Runs the work again and again, each time as if the process were killed before one more of its changes to the disk: from
 * that call on, no call that changes anything gets through. Ends with the run that is not killed; returns how many were.
 * Opening a file to read changes nothing and is not counted.
 */
export async function killedAtEveryChange(
  work: () => unknown,
  afterwards: (killedBefore: string) => unknown,
  rest: () => unknown,
): Promise<number> {
  for (let survives = 0; ; survives += 1) {
    const killedBefore = await runUntil(survives, work);
    if (killedBefore === null) {
      await rest();
      return survives;
    }
    await afterwards(killedBefore);
  }
}

async function runUntil(survives: number, work: () => unknown): Promise<string | null> {
  let left = survives;
  let killedBefore: string | null = null;
  const real = new Map<string, AnyFunction>();
  const promises = fs.promises as unknown as Record<string, AnyFunction>;
  const plain = fs as unknown as Record<string, AnyFunction>;
  const guard =
    (name: string, original: AnyFunction): AnyFunction =>
    (...args) => {
      if (name.startsWith("open") && !opensToWrite(args[1])) return original(...args);
      if (left === 0) killedBefore ??= name;
      if (killedBefore !== null) {
        const killed = new Killed(name);
        if (name.endsWith("Sync")) throw killed;
        return Promise.reject(killed);
      }
      left -= 1;
      return original(...args);
    };
  const patch = (target: Record<string, AnyFunction>, name: string, key: string): void => {
    const original = target[name] as AnyFunction;
    real.set(key, original);
    target[name] = guard(name, original);
  };
  for (const name of synchronous) patch(plain, name, name);
  for (const name of asynchronous) patch(promises, name, `promises.${name}`);
  syncBuiltinESMExports();
  try {
    await work();
  } catch (error) {
    // A refusal of ours that came of the kill is the kill's too.
    if (killedBefore === null) throw error;
  } finally {
    for (const name of synchronous) plain[name] = real.get(name) as AnyFunction;
    for (const name of asynchronous) promises[name] = real.get(`promises.${name}`) as AnyFunction;
    syncBuiltinESMExports();
  }
  return killedBefore;
}

function opensToWrite(flags: unknown): boolean {
  if (typeof flags === "number") return (flags & 3) !== 0;
  return typeof flags === "string" && flags !== "r";
}
