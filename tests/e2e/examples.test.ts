import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pictures, root, startTrainyard } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

let trainyard: Trainyard;
const folder = mkdtempSync(join(tmpdir(), "ty-examples-"));
const python = spawnSync("python3", ["--version"]).status === 0;

beforeAll(async () => {
  trainyard = await startTrainyard({ env: { TRAINYARD_TINY_PIXELS: "64" } });
  mkdirSync(join(folder, "pictures"));
  mkdirSync(join(folder, "bare"));
  for (const [name, bytes] of Object.entries(await pictures(200))) {
    writeFileSync(join(folder, "pictures", name), bytes);
    if (name.endsWith(".png")) writeFileSync(join(folder, "bare", name), bytes);
  }
});
afterAll(async () => {
  await trainyard.close();
  rmSync(folder, { recursive: true, force: true });
});

/** One program as a user starts it, with the local Trainyard's address and token. */
async function start(program: string, args: readonly string[], token = trainyard.ready.token) {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, TRAINYARD_URL: trainyard.ready.url, TRAINYARD_TOKEN: token },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { code: code as number, out, errors };
}

const train = (name: string) => ["pictures", "--name", name, "--trigger", "sks", "--steps", "20"];

function expectVerified(name: string, out: string): void {
  const model = readFileSync(join(folder, `${name}.safetensors`));
  expect(out).toContain(
    `${name}.safetensors: ${model.length} bytes, verified, sha256 ${createHash("sha256").update(model).digest("hex")}`,
  );
  for (const file of ["picture-0.png", "picture-0.txt"]) expect(out).toContain(`uploaded ${file}`);
}

describe.concurrent("the programs in examples/", () => {
  it("train.ts trains over MCP, watches, and verifies the download", async () => {
    const { code, out, errors } = await start(process.execPath, [
      join(root, "examples", "train.ts"),
      ...train("by-node"),
    ]);

    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expectVerified("by-node", out);
  });

  it.skipIf(!python)("train.py trains over HTTP, watches, and verifies the download", async () => {
    const { code, out, errors } = await start("python3", [
      join(root, "examples", "train.py"),
      ...train("by-python"),
    ]);

    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expectVerified("by-python", out);
    expect(out).toMatch(/^step 20, loss 0\.\d+$/m);
  });

  it.skipIf(!python)("train.py says what was warned of, and trains", async () => {
    const { code, out, errors } = await start("python3", [
      join(root, "examples", "train.py"),
      "bare",
      "--name",
      "uncaptioned",
      "--steps",
      "20",
    ]);

    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expect(out).toMatch(/^warning: .+ caption\.$/m);
  });

  it.skipIf(!python)("train.py tells a refusal as what it is", async () => {
    const { code, errors } = await start(
      "python3",
      [join(root, "examples", "train.py"), ...train("nobody")],
      "ty_wrong",
    );

    expect(code).toBe(1);
    expect(errors).toContain("create-upload-link: AUTH_INVALID: ");
  });
});

describe("the smoke", () => {
  it("passes both doors of a Trainyard that is running", async () => {
    const { out } = await start(process.execPath, [
      join(root, "tests", "smoke", "main.ts"),
      "--json",
    ]);
    const told = JSON.parse(out) as { ok: boolean; checks: { ok: boolean; mode: string }[] };

    expect(told.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(told.checks.filter(({ mode }) => mode === "stdio").length).toBe(6);
    expect(told.checks.filter(({ mode }) => mode === "http").length).toBe(6);
  });

  it("fails by exit code and by name when a door does not do its part", async () => {
    const { code, out } = await start(
      process.execPath,
      [join(root, "tests", "smoke", "main.ts"), "--mode", "http"],
      "ty_wrong",
    );

    expect(code).toBe(1);
    expect(out).toContain("FAILED  http   tools are listed");
    expect(out).toContain("0 of 6 checks passed");
  });

  it("knows its modes", async () => {
    const { code, errors } = await start(process.execPath, [
      join(root, "tests", "smoke", "main.ts"),
      "--mode",
      "ws",
    ]);

    expect(code).toBe(2);
    expect(errors).toContain("There is no mode ws.");
  });
});
