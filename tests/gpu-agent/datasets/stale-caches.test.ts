import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dropStaleCaches, dropStaleCachesOf } from "../../../gpu-agent/datasets/stale-caches.ts";
import { openHome } from "../../../gpu-agent/home.ts";
import { liveUse } from "../support/box-context.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

const hash = "AbCdEfGhIjKlMnOpQrStUv";
const old = new Date(Date.now() - 3_600_000);

/** Images that were encoded an hour ago, and the sizes that were written then. */
function encoded(folder = temporaryFolder()) {
  const cache = join(folder, "_latent_cache");
  mkdirSync(cache, { recursive: true });
  const sizes: Record<string, unknown> = { __version__: "0.1.2" };
  for (const name of ["a.jpg", "b.jpg", "a_b.jpg"]) {
    writeFileSync(join(folder, name), `picture ${name}`);
    utimesSync(join(folder, name), old, old);
    sizes[`/${name}`] = [
      64,
      64,
      `${`picture ${name}`.length}:${Math.trunc(old.getTime() / 1_000)}`,
    ];
    writeFileSync(join(cache, `${name.replace(".jpg", "")}_${hash}.safetensors`), "latent");
  }
  writeFileSync(join(cache, `other_${hash}.safetensors`), "of an image that is gone");
  writeFileSync(join(cache, "notes.txt"), "x");
  writeFileSync(join(folder, ".aitk_size.json"), JSON.stringify(sizes));
  return {
    folder,
    left: () => readdirSync(cache).toSorted(),
    sizes: () =>
      JSON.parse(readFileSync(join(folder, ".aitk_size.json"), "utf8")) as Record<string, unknown>,
  };
}

/** As `cp -p`, `rsync -t` and an unpacked archive do it: the same name, size and time. */
function replace(folder: string, name: string): void {
  const path = join(folder, name);
  writeFileSync(`${path}.new`, "P".repeat(readFileSync(path).byteLength));
  utimesSync(`${path}.new`, old, old);
  renameSync(`${path}.new`, path);
}

describe("before a training", () => {
  test("exactly the cache and the size of a replaced image go, though its name, size and time are the same", async () => {
    const { folder, left, sizes } = encoded();
    await new Promise((resolve) => setTimeout(resolve, 20));
    replace(folder, "a.jpg");

    expect(dropStaleCaches(folder)).toEqual({ latents: 1, sizes: 1 });

    expect(left()).toEqual(
      [
        `a_b_${hash}.safetensors`,
        `b_${hash}.safetensors`,
        `other_${hash}.safetensors`,
        "notes.txt",
      ].toSorted(),
    );
    expect(Object.keys(sizes()).toSorted()).toEqual(["/a_b.jpg", "/b.jpg", "__version__"]);
  });

  test("nothing goes when nothing was replaced", () => {
    const { folder, left } = encoded();

    expect(dropStaleCaches(folder)).toEqual({ latents: 0, sizes: 0 });
    expect(left()).toHaveLength(5);
  });

  test("[W10] a size manifest of another form is left to the toolkit, which makes it anew", () => {
    const { folder } = encoded();
    const text = JSON.stringify({ "\\a.jpg": [1, 1, "5:d41d8cd98f00b204"] });
    writeFileSync(join(folder, ".aitk_size.json"), text);

    dropStaleCaches(folder);

    expect(readFileSync(join(folder, ".aitk_size.json"), "utf8")).toBe(text);
  });

  test("what a living job reads stays as it is", async () => {
    const home = openHome(temporaryFolder());
    const { left } = encoded(join(home.datasets, "cats"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    replace(join(home.datasets, "cats"), "a.jpg");
    const process = { datasets: [{ folder_path: "datasets/cats" }] };
    const { document } = liveUse("next", process);
    const box = (live: ReturnType<typeof liveUse>[]) => ({
      home,
      log: () => undefined,
      supervisor: { liveUses: () => live },
    });

    dropStaleCachesOf(document, box([liveUse("now", process)]));
    expect(left()).toHaveLength(5);
    dropStaleCachesOf(document, box([]));
    expect(left()).toHaveLength(4);
  });
});
