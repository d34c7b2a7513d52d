import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PictureFacts } from "@trainyard/shared/dataset/dataset-image.ts";
import { openPictureIndex } from "../../../gpu-agent/datasets/scan/picture-index.ts";
import { createPictureQueue } from "../../../gpu-agent/datasets/scan/picture-queue.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

const file = (path: string) => ({ path, bytes: 1, modifiedAtMs: 2, changedAtMs: 3 });
const fine: PictureFacts = {
  problem: null,
  format: "png",
  width: 1,
  height: 1,
  sha256: "a",
  look: null,
};

/** One life of the child: what it looks at, and where it dies. */
async function life(path: string, names: readonly string[], deadly: readonly string[]) {
  const index = openPictureIndex(path);
  const together: string[][] = [];
  const inHand = new Set<string>();
  let died: () => void = () => undefined;
  let dead = false;
  const death = new Promise<"died">((resolve) => {
    died = () => {
      dead = true;
      resolve("died");
    };
  });
  const queue = createPictureQueue(
    index,
    async (_folder, name) => {
      inHand.add(name);
      together.push([...inHand]);
      if (deadly.includes(name)) died();
      await new Promise((resolve) => setImmediate(resolve));
      // Nothing comes back from a process that is dead.
      if (dead) return new Promise<never>(() => undefined);
      inHand.delete(name);
      return fine;
    },
    2,
  );
  const known = index.known("f", names.map(file));
  const missing = names.filter((name) => !known.has(name)).map(file);
  const end = await Promise.race([queue.lookAt("f", missing, 10_000).then(() => "done"), death]);
  const facts = index.known("f", names.map(file));
  // As a kill leaves it: nothing is let go.
  index.close();
  return { end, facts, together };
}

test("a picture that kills twice is left aside, and all others are looked at", async () => {
  const path = join(temporaryFolder(), "pictures.db");
  const names = ["a", "b", "bomb", "c", "d"];

  const ends: string[] = [];
  for (let n = 0; n < 4; n += 1) {
    const { end, facts } = await life(path, names, ["bomb"]);
    ends.push(end);
    if (end !== "done") continue;
    expect([...facts].filter(([, { problem }]) => problem !== null)).toEqual([
      ["bomb", expect.objectContaining({ problem: "DECODER_FAILED" })],
    ]);
    expect(facts.size).toBe(5);
    break;
  }
  expect(ends).toEqual(["died", "died", "done"]);
});

test("what was in hand at a death is looked at alone, and the innocent are cleared", async () => {
  const path = join(temporaryFolder(), "pictures.db");
  const first = await life(path, ["innocent", "bomb"], ["bomb"]);
  expect(first.end).toBe("died");

  const second = await life(path, ["bomb", "innocent", "other", "another"], ["bomb"]);

  expect(second.together.some((names) => names.includes("bomb") && names.length > 1)).toBe(false);
});

test("leaving by itself blames nothing", async () => {
  const path = join(temporaryFolder(), "pictures.db");
  for (let n = 0; n < 5; n += 1) {
    const index = openPictureIndex(path);
    index.takeInHand("f", "slow");
    expect(index.deaths("f", "slow")).toBe(0);
    index.letGo();
    index.close();
  }
});

test("an index that is no database is made anew", () => {
  const path = join(temporaryFolder(), "pictures.db");
  writeFileSync(path, "garbage ".repeat(1_000));

  const index = openPictureIndex(path);
  index.keep("f", file("a"), fine);

  expect(index.known("f", [file("a")]).get("a")).toEqual(fine);
  expect(index.known("f", [{ ...file("a"), changedAtMs: 4 }]).size).toBe(0);
  index.prune("f", []);
  expect(index.known("f", [file("a")]).size).toBe(0);
  index.close();
});
