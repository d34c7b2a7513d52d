import { createHash, randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { safetensors } from "../support/safetensors.ts";
import { command, pictures, startTrainyard, until } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

const part = limits.partBytes;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("files from and to a shell, over a line that breaks", () => {
  let trainyard: Trainyard;
  let folder: string;
  beforeAll(async () => {
    trainyard = await startTrainyard();
    folder = mkdtempSync(join(tmpdir(), "ty-files-"));
  });
  afterAll(async () => {
    await trainyard.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The real command; `url` is that of a proxy, or the Trainyard itself. */
  function start(args: readonly string[], url?: string) {
    const child = spawn(process.execPath, [command, ...args], {
      env: {
        PATH: process.env["PATH"] ?? "",
        NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? "",
        TRAINYARD_HOME: trainyard.home,
        TRAINYARD_TOKEN: trainyard.ready.token,
        ...(url === undefined ? {} : { TRAINYARD_URL: url }),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(child, "exit");
    const done = Promise.all([text(child.stdout), text(child.stderr), ended]).then(
      ([out, err, [code]]) => ({ code: code as number, out, err }),
    );
    return { child, done };
  }
  const run = (args: readonly string[], url?: string) => start(args, url).done;
  const json = (out: string) => JSON.parse(out) as Record<string, any>;

  it("uploads a folder, leaves out what is no file of a dataset, and sends nothing twice", async () => {
    const photos = join(folder, "photos");
    mkdirSync(join(photos, "inner"), { recursive: true });
    for (const [name, bytes] of Object.entries(await pictures(120, 3))) {
      writeFileSync(join(photos, name), bytes);
    }
    writeFileSync(join(photos, ".DS_Store"), "x");
    writeFileSync(join(photos, "letter.pdf"), "x");
    const first = await run(["upload", photos, "--json"]);
    const again = await run(["upload", photos, "--json"]);
    const people = await run(["upload", photos]);

    expect(first.code, first.err).toBe(0);
    expect(json(first.out)).toMatchObject({
      ok: true,
      dataset_name: "photos",
      uploaded: 6,
      already_there: 0,
      failed: 0,
      left_out: [
        { filename: "inner", code: "NOT_REGULAR_FILE" },
        { filename: "letter.pdf", code: "TYPE_REFUSED" },
      ],
    });
    expect(json(again.out)).toMatchObject({ uploaded: 0, already_there: 6, sent_bytes: 0 });
    expect([people.code, people.out]).toEqual([
      0,
      expect.stringContaining("6 there already, 0 failed, 2 left out: dataset photos"),
    ]);
    expect(readdirSync(join(trainyard.home, "datasets", "photos"))).toHaveLength(6);
  });

  it("sends at most one part again for each break of the line", async () => {
    const bytes = randomBytes(5 * part + 1_234);
    const path = join(folder, "table.parquet");
    writeFileSync(path, bytes);
    const proxy = await startCuttingProxy(trainyard.ready.url);
    proxy.cut("up", [part + part / 2, part, 2 * part - 1_000]);
    const done = await run(["upload", path, "--dataset", "broken", "--json"], proxy.url);
    await proxy.close();

    expect(done.code, done.out + done.err).toBe(0);
    expect(json(done.out).files[0]).toMatchObject({ status: "uploaded", sha256: sha256(bytes) });
    const heads = 64 * 1024;
    expect(proxy.up).toBeGreaterThan(bytes.byteLength + part / 2);
    expect(proxy.up).toBeLessThanOrEqual(bytes.byteLength + 3 * part + heads);
    const stored = readFileSync(join(trainyard.home, "datasets", "broken", "table.parquet"));
    expect(stored.equals(bytes)).toBe(true);
  });

  it("goes on when agent and workerd are killed in the middle of an upload", async () => {
    const bytes = randomBytes(6 * part);
    const path = join(folder, "kills.parquet");
    writeFileSync(path, bytes);
    const upload = start(["upload", path, "--dataset", "killed", "--json"]);
    const staging = join(trainyard.home, "staging");
    const stored = (): number =>
      Math.max(
        0,
        ...readdirSync(staging)
          .filter((name) => name.endsWith(".json"))
          .map((name) => JSON.parse(readFileSync(join(staging, name), "utf8")))
          .filter((state) => state.dataset === "killed")
          .map((state) => Number(state.storedBytes)),
      );
    await until("a first part", async () => stored() >= part);
    process.kill(trainyard.pids().agent, "SIGKILL");
    await until("another part", async () => stored() >= 3 * part);
    process.kill(trainyard.pids().control_plane, "SIGKILL");
    const done = await upload.done;

    expect(done.code, done.out + done.err).toBe(0);
    const there = readFileSync(join(trainyard.home, "datasets", "killed", "kills.parquet"));
    expect(there.equals(bytes)).toBe(true);
  });

  describe("a download", () => {
    const model = safetensors(randomBytes(3 * part));
    beforeAll(() => {
      mkdirSync(join(trainyard.home, "outputs", "cats"), { recursive: true });
      writeFileSync(join(trainyard.home, "outputs", "cats", "cats.safetensors"), model);
    });

    it("goes on after breaks, and is there only when its hash is right", async () => {
      const output = join(folder, "cats.safetensors");
      const proxy = await startCuttingProxy(trainyard.ready.url);
      proxy.cut("down", [part + 500_000, part]);
      const done = await run(
        ["download", "cats/cats.safetensors", "--output", output, "--json"],
        proxy.url,
      );
      await proxy.close();
      const again = await run(["download", "cats", "-o", output, "--json"]);

      expect(done.code, done.err).toBe(0);
      expect(json(done.out)).toMatchObject({ status: "downloaded", sha256: sha256(model) });
      expect(readFileSync(output).equals(model)).toBe(true);
      expect(proxy.down).toBeLessThan(model.byteLength + part);
      expect(json(again.out)).toMatchObject({ status: "already_there", received_bytes: 0 });
      expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
    });

    it("goes on in a later run from what an ended one left", async () => {
      const output = join(folder, "later.safetensors");
      const left = join(folder, `later.safetensors.${sha256(model).slice(0, 12)}.part`);
      writeFileSync(left, model.subarray(0, 2 * part + 77));
      const done = await run(["download", "cats", "--output", output, "--json"]);

      expect(json(done.out)).toMatchObject({ received_bytes: model.byteLength - 2 * part - 77 });
      expect(readFileSync(output).equals(model)).toBe(true);
    });

    it("begins anew when what was left is not of this file", async () => {
      const output = join(folder, "spoilt.safetensors");
      const left = join(folder, `spoilt.safetensors.${sha256(model).slice(0, 12)}.part`);
      writeFileSync(left, randomBytes(1_000));
      const spoilt = await run(["download", "cats", "--output", output]);
      const anew = await run(["download", "cats", "--output", output]);

      expect([spoilt.code, spoilt.err]).toEqual([1, expect.stringMatching(/^CHECKSUM_MISMATCH/)]);
      expect(anew.code).toBe(0);
      expect(readFileSync(output).equals(model)).toBe(true);
    });

    it("by link needs no token and no name", async () => {
      const link = await trainyard.call("create-download-link", { model_name: "cats" });
      const output = join(folder, "by-link");
      mkdirSync(output);
      const done = await run(["download", link.data["download_url"], "-o", `${output}/`, "--json"]);

      expect(json(done.out)).toMatchObject({
        path: join(output, "cats.safetensors"),
        sha256: sha256(model),
      });
    });

    it("to a folder that is not there says which option to correct", async () => {
      const refused = await run(["download", "cats", "-o", join(folder, "nope", "x")]);

      expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("another --output")]);
    });

    it("does not replace another file unasked", async () => {
      const output = join(folder, "mine.txt");
      writeFileSync(output, "mine");
      const refused = await run(["download", "cats", "-o", output]);
      const asked = await run(["download", "cats", "-o", output, "--overwrite"]);

      expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/^NAME_CONFLICT/)]);
      expect(asked.code).toBe(0);
      expect(readFileSync(output).equals(model)).toBe(true);
    });
  });

  it.each([
    [["upload"], 2, "What is to be uploaded"],
    [["upload", "/nowhere"], 2, "There is no file"],
    [["upload", "package.json"], 2, "Which dataset"],
    [["upload", "package.json", "--dataset", "../x"], 1, "INVALID_NAME"],
    [
      ["upload", "package.json", "--dataset", "x", "--url", "http://127.0.0.1:9"],
      3,
      "No Trainyard",
    ],
    [["download"], 2, "Which model"],
    [["download", "none"], 1, "MODEL_NOT_FOUND"],
    [["download", "none", "--kind", "shoe"], 2, "--kind"],
    [["download", "x", "--token-file", "/nowhere"], 4, "AUTH_REQUIRED"],
  ])("%j ends with %i: %s", async (args, code, said) => {
    const done = await run(args);

    expect([done.code, done.err]).toEqual([code, expect.stringContaining(said)]);
  });

  it("a folder of which a dataset takes nothing is wrong usage, and says what it holds", async () => {
    const notes = join(folder, "notes");
    mkdirSync(notes);
    writeFileSync(join(notes, "plan.ts"), "");
    const done = await run(["upload", notes]);

    expect([done.code, done.err]).toEqual([
      2,
      expect.stringContaining("holds no file that a dataset takes; left out: plan.ts"),
    ]);
  });
});
