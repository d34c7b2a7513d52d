import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import {
  listTrash,
  moveToTrash,
  purgeTrash,
  restoreFromTrash,
  sweepTrash,
} from "../../../gpu-agent/files/trash.ts";
import { killedAtEveryChange } from "../support/dying-disk.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

const code = (wanted: string) => expect.objectContaining({ code: wanted });
const at = 1_700_000_000_000;

function rootWith(...names: readonly string[]): string {
  const root = temporaryFolder();
  for (const name of names) {
    mkdirSync(join(root, name, "inside"), { recursive: true });
    writeFileSync(join(root, name, "a.png"), name);
    writeFileSync(join(root, name, "inside", "b.png"), "deep");
  }
  return root;
}

const intact = (root: string, name: string): boolean =>
  existsSync(join(root, name, "a.png")) &&
  readFileSync(join(root, name, "a.png"), "utf8") === name &&
  readFileSync(join(root, name, "inside", "b.png"), "utf8") === "deep";

describe("the trash", () => {
  test("takes a folder away and gives it back whole", () => {
    const root = rootWith("cats");

    const entry = moveToTrash(root, ["cats"], { nowMs: at });

    expect(existsSync(join(root, "cats"))).toBe(false);
    expect(listTrash(root)).toEqual([entry]);
    expect(restoreFromTrash(root, entry.id)).toEqual({ entry, already: false });
    expect(intact(root, "cats")).toBe(true);
    expect(listTrash(root)).toEqual([]);
  });

  test("finds its work done the second time, for as long as it keeps things", async () => {
    const root = rootWith("cats");
    const { id } = moveToTrash(root, ["cats"], { nowMs: at });
    restoreFromTrash(root, id);

    await sweepTrash(root, at + limits.trashKeepMs - 1);
    expect(restoreFromTrash(root, id).already).toBe(true);
    await sweepTrash(root, at + limits.trashKeepMs);

    expect(() => restoreFromTrash(root, id)).toThrow(code("CHANGE_NOT_FOUND"));
    expect(intact(root, "cats")).toBe(true);
  });

  test("takes a single file and makes its folder again for it", () => {
    const root = rootWith("job");

    const { id } = moveToTrash(root, ["job", "a.png"], { nowMs: at });
    expect(existsSync(join(root, "job", "inside", "b.png"))).toBe(true);
    rmSync(join(root, "job"), { recursive: true });
    restoreFromTrash(root, id);

    expect(readFileSync(join(root, "job", "a.png"), "utf8")).toBe("job");
  });

  test("keeps two of one name apart, the newest first", () => {
    const root = rootWith("cats");
    const first = moveToTrash(root, ["cats"], { nowMs: at });
    mkdirSync(join(root, "cats"));
    const second = moveToTrash(root, ["cats"], { nowMs: at + 1 });

    expect(listTrash(root).map(({ id }) => id)).toEqual([second.id, first.id]);
  });

  test("puts nothing over what has its name by now, in whatever case", () => {
    const root = rootWith("cats");
    const { id } = moveToTrash(root, ["cats"], { nowMs: at });
    mkdirSync(join(root, "Cats"));

    expect(() => restoreFromTrash(root, id)).toThrow(code("NAME_CONFLICT"));

    expect(listTrash(root)).toHaveLength(1);
    rmSync(join(root, "Cats"), { recursive: true });
    restoreFromTrash(root, id);
    expect(intact(root, "cats")).toBe(true);
  });

  test("leaves the places that links lead to alone", async () => {
    const root = rootWith("cats");
    const outside = rootWith("precious");
    symlinkSync(join(outside, "precious"), join(root, "link"));
    symlinkSync(join(outside, "precious"), join(root, "cats", "inside", "link"));

    expect(() => moveToTrash(root, ["link"], { nowMs: at })).not.toThrow();
    expect(() => moveToTrash(root, ["cats", "inside", "link", "a.png"], { nowMs: at })).toThrow(
      code("PATH_ESCAPE"),
    );
    const { id } = moveToTrash(root, ["cats"], { nowMs: at });
    await purgeTrash(root, id);
    await sweepTrash(root, at + limits.trashKeepMs);

    expect(intact(outside, "precious")).toBe(true);
    expect(readdirSync(join(root, ".trash"))).toEqual([]);
  });

  test("does not follow a link in its own place", () => {
    const root = rootWith("cats");
    symlinkSync(temporaryFolder(), join(root, ".trash"));

    expect(() => moveToTrash(root, ["cats"], { nowMs: at })).toThrow();

    expect(intact(root, "cats")).toBe(true);
    expect(listTrash(root)).toEqual([]);
  });

  test.each([["../cats"], ["/etc"], ["change_../../x"], [""], ["change_"]])(
    "knows no entry %j",
    (id) => {
      expect(() => restoreFromTrash(rootWith("cats"), id)).toThrow(code("CHANGE_NOT_FOUND"));
    },
  );

  test("says when there is nothing to take", () => {
    expect(() => moveToTrash(temporaryFolder(), ["cats"], { nowMs: at })).toThrow(
      code("NOT_FOUND"),
    );
  });
});

describe("the sweep", () => {
  test("ends what is a week old and nothing younger", async () => {
    const root = rootWith("old", "young");
    moveToTrash(root, ["old"], { nowMs: at });
    const young = moveToTrash(root, ["young"], { nowMs: at + 1 });

    expect(await sweepTrash(root, at + limits.trashKeepMs - 1)).toBe(0);
    expect(await sweepTrash(root, at + limits.trashKeepMs)).toBe(1);

    expect(listTrash(root)).toEqual([young]);
  });

  test("ends a purge that was cut half-way", async () => {
    const root = rootWith("cats");
    const { id } = moveToTrash(root, ["cats"], { nowMs: at, purge: true });
    rmSync(join(root, ".trash", id, "content", "a.png"));

    expect(() => restoreFromTrash(root, id)).toThrow(code("CHANGE_NOT_FOUND"));
    expect(await sweepTrash(root, at)).toBe(1);

    expect(readdirSync(join(root, ".trash"))).toEqual([]);
  });

  test("keeps pictures whose entry cannot be read", async () => {
    const root = rootWith("cats");
    const { id } = moveToTrash(root, ["cats"], { nowMs: at });
    writeFileSync(join(root, ".trash", id, "entry.json"), "{");

    expect(await sweepTrash(root, at + 10 * limits.trashKeepMs)).toBe(0);

    expect(existsSync(join(root, ".trash", id, "content", "a.png"))).toBe(true);
  });
});

describe("killed before any of its changes to the disk", () => {
  test("a deletion leaves the thing or its entry, never neither", async () => {
    let root = rootWith("cats");
    const killed = await killedAtEveryChange(
      () => moveToTrash(root, ["cats"], { nowMs: at }),
      async () => {
        const entries = listTrash(root);
        expect(Number(intact(root, "cats")) + entries.length).toBe(1);
        await sweepTrash(root, at);
        for (const { id } of entries) restoreFromTrash(root, id);
        expect(intact(root, "cats")).toBe(true);
        root = rootWith("cats");
      },
      () => expect(listTrash(root)).toHaveLength(1),
    );

    expect(killed).toBeGreaterThanOrEqual(5);
  });

  test("a restoration leaves the thing or its entry, never neither", async () => {
    let root = rootWith("cats");
    let { id } = moveToTrash(root, ["cats"], { nowMs: at });
    const killed = await killedAtEveryChange(
      () => restoreFromTrash(root, id),
      async () => {
        const entries = listTrash(root);
        expect(Number(intact(root, "cats")) + entries.length).toBe(1);
        await sweepTrash(root, at);
        expect(Number(intact(root, "cats")) + listTrash(root).length).toBe(1);
        root = rootWith("cats");
        id = moveToTrash(root, ["cats"], { nowMs: at }).id;
      },
      () => expect(intact(root, "cats")).toBe(true),
    );

    expect(killed).toBeGreaterThanOrEqual(1);
  });
});
