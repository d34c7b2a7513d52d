import { stat, statfs } from "node:fs/promises";

export interface Disk {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** A disk and the roots that lie on it, in the order in which they were asked about. */
export interface RootsDisk extends Disk {
  readonly roots: readonly string[];
}

const waitMs = 2_000;

/** A network drive that is gone answers never, and each question to it holds a thread: it is asked once until it does. */
const asking = new Map<string, Promise<{ readonly device: number; readonly disk: Disk } | null>>();

export async function diskOf(path: string): Promise<Disk | null> {
  return (await ask(path))?.disk ?? null;
}

/** By device: folders of one disk are one entry. What is not there, or does not answer in time, is left out. */
export async function disksOf(
  roots: readonly (readonly [name: string, path: string])[],
): Promise<readonly RootsDisk[]> {
  const answers = await Promise.all(
    roots.map(async ([name, path]) => ({ name, answer: await ask(path) })),
  );
  const byDevice = new Map<number, { disk: Disk; roots: string[] }>();
  for (const { name, answer } of answers) {
    if (answer === null) continue;
    const known = byDevice.get(answer.device);
    if (known === undefined) byDevice.set(answer.device, { disk: answer.disk, roots: [name] });
    else known.roots.push(name);
  }
  return [...byDevice.values()].map(({ disk, roots }) => ({ ...disk, roots }));
}

function ask(path: string): Promise<{ readonly device: number; readonly disk: Disk } | null> {
  const running =
    asking.get(path) ??
    Promise.all([stat(path), statfs(path)])
      .then(([{ dev }, { blocks, bavail, bsize }]) => ({
        device: dev,
        disk: { totalBytes: blocks * bsize, freeBytes: bavail * bsize },
      }))
      .catch(() => null)
      .finally(() => asking.delete(path));
  asking.set(path, running);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), waitMs);
  });
  return Promise.race([running, late]).finally(() => clearTimeout(timer));
}
