import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { command } from "../support/trainyard.ts";

describe("trainyard demo --json", () => {
  it("prints one object, and every field of it is true", () => {
    const home = mkdtempSync(join(tmpdir(), "ty-demo-"));
    const done = spawnSync(
      process.execPath,
      [command, "demo", "--json", "--steps", "60", "--home", home],
      {
        encoding: "utf8",
        env: { ...process.env, TRAINYARD_TINY_PIXELS: "128" },
        timeout: 100_000,
      },
    );

    expect(done.status, done.stderr).toBe(0);
    expect(done.stdout.trim().split("\n")).toHaveLength(1);
    const result = JSON.parse(done.stdout) as Record<string, any>;
    expect(result).toMatchObject({ status: "completed", steps: 60 });
    expect(result["last_loss"]).toBeLessThan(result["first_loss"] as number);
    const model = result["model"] as { path: string; size: number; sha256: string };
    expect(statSync(model.path).size).toBe(model.size);
    expect(createHash("sha256").update(readFileSync(model.path)).digest("hex")).toBe(model.sha256);
    for (const sample of result["samples"] as string[]) expect(existsSync(sample)).toBe(true);
    rmSync(home, { recursive: true, force: true });
  });
});
