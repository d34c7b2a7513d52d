import {
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyChange } from "../../../gpu-agent/datasets/changes/apply-change.ts";
import type { ChangeStep } from "../../../gpu-agent/datasets/changes/apply-change.ts";
import { listChanges } from "../../../gpu-agent/datasets/changes/journal.ts";
import { recoverChanges, undoChange } from "../../../gpu-agent/datasets/changes/roll-back.ts";
import { killedAtEveryChange } from "../support/dying-disk.ts";
import { temporaryFolder } from "../support/temporary-home.ts";
import { until } from "../support/waiting.ts";

const code = (wanted: string) => expect.objectContaining({ code: wanted });
const at = 1_700_000_000_000;

function datasetOf(files: Readonly<Record<string, string | Buffer>>): string {
  const dataset = temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dataset, path)), { recursive: true });
    writeFileSync(join(dataset, path), content);
  }
  return dataset;
}

/** Every byte and time of what a trainer could see. */
function stateOf(dataset: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(dataset, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const below = path.slice(dataset.length + 1);
    if (below.startsWith(".trainyard") || !entry.isFile()) continue;
    found[below] = `${readFileSync(path, "hex")} ${statSync(path).mtimeMs}`;
  }
  return found;
}

const change = (steps: readonly ChangeStep[]) => ({
  kind: "repair" as const,
  argsHash: "a",
  steps,
});
const some = { "a.png": "A", "a.txt": "old", "b.png": "B", "sub/c.png": "C" };
const steps: readonly ChangeStep[] = [
  { kind: "move", path: "sub/c.png" },
  { kind: "write", path: "a.txt", text: "new" },
  { kind: "write", path: "b.txt", text: "made" },
  { kind: "write", path: "sub/d.txt", text: "deep" },
];

describe("a change", () => {
  test("is done, and taken back to the byte", async () => {
    const dataset = datasetOf(some);
    const before = stateOf(dataset);

    const { id } = await applyChange(dataset, change(steps), at);

    expect(Object.keys(stateOf(dataset)).toSorted()).toEqual(
      ["a.png", "a.txt", "b.png", "b.txt", "sub/d.txt"].toSorted(),
    );
    expect(readFileSync(join(dataset, "a.txt"), "utf8")).toBe("new");
    expect(readFileSync(join(dataset, ".trainyard", id, "aside", "sub", "c.png"), "utf8")).toBe(
      "C",
    );
    expect((await undoChange(dataset, id)).already).toBe(false);
    expect(stateOf(dataset)).toEqual(before);
    expect((await undoChange(dataset, id)).already).toBe(true);
    expect(stateOf(dataset)).toEqual(before);
  });

  test("restores every byte, whatever it did (seed printed when it does not)", async () => {
    const names = ["a.png", "a.txt", "b.png", "b.txt", "s/a.png", "s/a.txt", "s/t/x.txt"];
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(names, { minLength: 1 }),
        fc.array(fc.record({ path: fc.constantFrom(...names), text: fc.option(fc.string()) }), {
          maxLength: 6,
        }),
        async (there, wanted) => {
          const dataset = datasetOf(Object.fromEntries(there.map((name) => [name, `of ${name}`])));
          const before = stateOf(dataset);
          const seen = new Set<string>();
          const chosen = wanted.flatMap(({ path, text }): ChangeStep[] => {
            if (seen.has(path)) return [];
            seen.add(path);
            if (text !== null) return [{ kind: "write", path, text }];
            return there.includes(path) ? [{ kind: "move", path }] : [];
          });
          const withFolders = chosen.filter(
            ({ path }) =>
              there.some((name) => dirname(name) === dirname(path)) || dirname(path) === ".",
          );
          const { id } = await applyChange(dataset, change(withFolders), at);
          await undoChange(dataset, id);
          expect(stateOf(dataset)).toEqual(before);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each([
    ["a file edited since", (dataset: string) => writeFileSync(join(dataset, "a.txt"), "by hand")],
    [
      "a file in the place of a moved one",
      (dataset: string) => writeFileSync(join(dataset, "sub/c.png"), "X"),
    ],
  ])("is not taken back over %s", async (_, meddle) => {
    const dataset = datasetOf(some);
    const { id } = await applyChange(dataset, change(steps), at);
    meddle(dataset);
    const before = stateOf(dataset);

    await expect(undoChange(dataset, id)).rejects.toThrow(code("CHANGE_CONFLICT"));

    expect(stateOf(dataset)).toEqual(before);
  });

  test("[B9] [B10] [B13] touches nothing when one of its files is a link, a second name or gone", async () => {
    const outside = datasetOf({ secret: "S" });
    const dataset = datasetOf(some);
    symlinkSync(join(outside, "secret"), join(dataset, "link.txt"));
    linkSync(join(outside, "secret"), join(dataset, "hard.txt"));
    symlinkSync(outside, join(dataset, "folder"));
    const before = stateOf(dataset);
    const refusals: readonly (readonly [ChangeStep, string])[] = [
      [{ kind: "write", path: "link.txt", text: "x" }, "PATH_ESCAPE"],
      [{ kind: "write", path: "hard.txt", text: "x" }, "HARDLINK_REFUSED"],
      [{ kind: "write", path: "folder/secret", text: "x" }, "PATH_ESCAPE"],
      [{ kind: "move", path: "../x" }, "PATH_ESCAPE"],
      [{ kind: "move", path: "nothing.png" }, "CHANGE_CONFLICT"],
    ];

    for (const [step, wanted] of refusals)
      await expect(applyChange(dataset, change([...steps, step]), at)).rejects.toThrow(
        code(wanted),
      );

    expect(stateOf(dataset)).toEqual(before);
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("S");
    expect(listChanges(dataset)).toEqual([]);
  });
});

describe("killed before any of its changes to the disk", () => {
  test("an apply is taken back by the next start, or was done to its end", async () => {
    let dataset = datasetOf(some);
    let before = stateOf(dataset);
    const killed = await killedAtEveryChange(
      () => applyChange(dataset, change(steps), at),
      async () => {
        recoverChanges(dataset);
        const [done] = listChanges(dataset);
        if (done !== undefined) {
          expect(done.state).toBe("applied");
          await undoChange(dataset, done.journal.id);
        }
        expect(stateOf(dataset)).toEqual(before);
        dataset = datasetOf(some);
        before = stateOf(dataset);
      },
      () => expect(listChanges(dataset)[0]?.state).toBe("applied"),
    );
    expect(killed).toBeGreaterThanOrEqual(12);
  });

  test("an undo goes to its end at the next start", async () => {
    let dataset = "";
    let before: Record<string, string> = {};
    let id = "";
    const anew = async (): Promise<void> => {
      dataset = datasetOf(some);
      before = stateOf(dataset);
      ({ id } = await applyChange(dataset, change(steps), at));
    };
    await anew();
    const killed = await killedAtEveryChange(
      () => undoChange(dataset, id),
      async () => {
        recoverChanges(dataset);
        await undoChange(dataset, id);
        expect(stateOf(dataset)).toEqual(before);
        await anew();
      },
      () => expect(stateOf(dataset)).toEqual(before),
    );
    expect(killed).toBeGreaterThanOrEqual(4);
  });

  test("a real kill -9 in the middle of an apply leaves the dataset as it was", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 300 }, (_, n) => [`${n}.txt`, `caption ${n}`]),
    );
    const dataset = datasetOf(files);
    const before = stateOf(dataset);
    const source = fileURLToPath(
      new URL("../../../gpu-agent/datasets/changes/apply-change.ts", import.meta.url),
    );
    const script = `
      import { applyChange } from ${JSON.stringify(source)};
      const steps = Array.from({ length: 300 }, (_, n) => ({ kind: "write", path: n + ".txt", text: "new" }));
      await applyChange(${JSON.stringify(dataset)}, { kind: "captions", argsHash: "a", steps }, 1);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: "ignore",
    });
    const gone = new Promise((resolve) => child.once("exit", resolve));
    const aside = (n: number): boolean =>
      readdirSync(dataset, { recursive: true }).some((path) =>
        String(path).endsWith(`aside/${n}.txt`),
      );
    await until(() => aside(20), "the middle of the apply");
    child.kill("SIGKILL");
    await gone;
    expect(stateOf(dataset)).not.toEqual(before);

    expect(recoverChanges(dataset)).toBe(1);

    expect(stateOf(dataset)).toEqual(before);
  });
});
