import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/trainyard.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const rows = [...read("docs/migrate.md").matchAll(/^\| (W\d+) +\|.*$/gm)].map(([row, id]) => ({
  id: String(id),
  files: row.match(/tests\/\S+\.test\.ts/g) ?? [],
}));

describe("the weaknesses of the earlier systems in docs/migrate.md", () => {
  it("are those that docs/analysis.md leaves to it", () => {
    const judged = [...read("docs/analysis.md").matchAll(/^\| (\d+) /gm)].map(([, id]) => `W${id}`);
    const known = new Set([...judged, ...rows.map(({ id }) => id)]);

    expect(
      Array.from({ length: 34 }, (_, at) => `W${at + 1}`).filter((id) => !known.has(id)),
    ).toEqual([]);
  });

  it.each(rows)("$id stands in the title of a test of each file that is named", ({ id, files }) => {
    expect(files).not.toEqual([]);
    for (const file of files) expect(read(file), file).toContain(`[${id}]`);
  });
});
