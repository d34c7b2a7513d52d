import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { command } from "../../support/trainyard.ts";

const folder = mkdtempSync(join(tmpdir(), "ty-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  const { TRAINYARD_HOME: _home, ...env } = process.env;
  const done = spawnSync(process.execPath, [command, ...args], {
    encoding: "utf8",
    cwd: folder,
    env,
    timeout: 20_000,
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

function damaged(name: string, path: string[], text: string): string {
  const home = join(folder, name);
  mkdirSync(join(home, ...path.slice(0, -1)), { recursive: true });
  writeFileSync(join(home, ...path), text, { mode: 0o600 });
  return home;
}

describe("the trainyard command", () => {
  it("says in one sentence that a Node is too old", () => {
    const old = "Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } })";
    const done = spawnSync(
      process.execPath,
      ["--import", `data:text/javascript,${encodeURIComponent(old)}`, command, "up"],
      { encoding: "utf8", cwd: folder, timeout: 20_000 },
    );
    expect(done.status).toBe(1);
    expect(done.stderr).toMatch(/^trainyard up needs Node 24 and this is 20\.20\.2: .+\n$/);
  });

  it("explains itself", () => {
    for (const args of [[], ["--help"], ["up", "--help"], ["help"]]) {
      expect(run(...args)).toMatchObject({
        code: 0,
        out: expect.stringContaining("trainyard demo"),
      });
    }
    expect(run("--version")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  it.each<[string, string[], number, string]>([
    ["an unknown command", ["launch"], 2, 'no command "launch"'],
    ["an unknown option", ["up", "--prt", "1"], 2, "--prt"],
    ["an option without its value", ["up", "--home"], 2, "--home"],
    ["a word too many", ["up", "extra"], 2, "extra"],
    ["a port that is no number", ["up", "--port", "abc"], 2, "0 to 65535"],
    ["a port that is none", ["up", "--port", "99999"], 2, "0 to 65535"],
    ["an empty home", ["up", "--home", ""], 2, "--home needs a folder"],
    ["an agent without an address", ["agent"], 2, "trainyard agent --url"],
    ["an upload to what is no link", ["upload", ".", "--link", "nonsense"], 2, "--link"],
  ])("%s is told in a sentence", (_what, args, code, text) => {
    const done = run(...args);

    expect(done.code).toBe(code);
    expect(done.err).toContain(text);
    expect(done.err).not.toMatch(/^\s+at /m);
  });

  it.each(["up", "doctor", "agent"])("%s does not hang over a home that cannot be made", (name) => {
    const more = name === "agent" ? ["--url", "http://127.0.0.1:1"] : [];
    const done = run(name, ...more, "--home", "/proc/nope/x");

    expect(done.code).toBe(name === "doctor" ? 6 : 1);
    expect(done.out + done.err).toContain("/proc/nope");
    expect(done.out + done.err).toContain("--home");
    expect(done.err).not.toMatch(/^\s+at /m);
  });

  it.each<[string, () => string, string]>([
    ["is a file", () => damaged("file", ["home"], "x") + "/home", "in the way"],
    [
      "has damaged tokens",
      () => damaged("tokens", ["control-plane", "secrets.json"], "{"),
      "tokens is damaged",
    ],
    [
      "has a damaged key",
      () => damaged("key", ["agent", "identity.json"], "{}"),
      "key file is damaged",
    ],
  ])("a home that %s is told in a sentence", (_what, home, text) => {
    const done = run("up", "--port", "0", "--home", home());

    expect(done.code).toBe(1);
    expect(done.err).toContain(text);
    expect(done.err).not.toMatch(/^\s+at /m);
  });
});
