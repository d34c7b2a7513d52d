import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { root } from "../support/trainyard.ts";

const pages = ["README.md", "CHANGELOG.md", "docs", "docs/decisions"].flatMap((path) =>
  path.endsWith(".md")
    ? [path]
    : readdirSync(join(root, path))
        .filter((name) => name.endsWith(".md"))
        .map((name) => `${path}/${name}`),
);
const textOf = (path: string) => readFileSync(join(root, path), "utf8");
const unique = (found: Iterable<string>) => [...new Set(found)].toSorted();

/** As GitHub makes them: of the heading's text without its markup. */
const anchorsOf = (page: string): string[] =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );

const commands = [
  ...textOf("gpu-agent/cli/main.ts").matchAll(/^ {2}"?([a-z-]+)"?: \{\s+load:/gm),
].map(([, name]) => name ?? "");

describe.each(pages)("%s", (path) => {
  const page = textOf(path);

  it("leads nowhere that is not there", () => {
    const targets = [...page.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, to = ""]) => to);
    const broken = targets.filter((to) => {
      const [file = "", anchor] = to.split("#");
      const full = file === "" ? join(root, path) : join(root, dirname(path), file);
      if (!existsSync(full)) return true;
      return anchor !== undefined && !anchorsOf(textOf(relative(root, full))).includes(anchor);
    });

    expect(broken).toEqual([]);
  });

  it("names no command that is not there", () => {
    const scripts = [...page.matchAll(/\bnpm run (?:--silent )?([a-z][a-z:-]*)/g)];
    const ours = [...page.matchAll(/(?:`|\$ |bin\.mjs |trainyard\.js )(?:trainyard )?([a-z-]+)/g)]
      .filter(([said]) => /trainyard |bin\.mjs |trainyard\.js /.test(said))
      .map(([, name]) => name ?? "");

    expect(
      unique(scripts.map(([, name]) => name ?? "")).filter(
        (name) => !Object.hasOwn(manifest.scripts, name),
      ),
    ).toEqual([]);
    expect(unique(ours).filter((name) => !commands.includes(name))).toEqual([]);
  });
});

it("every command is found in the command line's source", () => {
  expect(commands).toEqual(expect.arrayContaining(["up", "agent", "mcp", "synth-log"]));
});
