import { createPublicKey, verify } from "node:crypto";
import { spawn } from "node:child_process";
import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { agentIdPattern, newJobId } from "@trainyard/shared/ids.ts";
import {
  attemptFiles,
  createIdentity,
  loadIdentity,
  loadOrCreateIdentity,
  openHome,
} from "../../gpu-agent/home.ts";
import { acquireLock } from "../../gpu-agent/home-lock.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

test("a home and its key are for the owner alone, and stay the same", () => {
  const home = openHome(join(temporaryFolder(), "home"));
  expect(statSync(home.root).mode & 0o777).toBe(0o700);
  expect(loadIdentity(home)).toBeNull();
  const made = loadOrCreateIdentity(home);
  expect(made.agentId).toMatch(agentIdPattern);
  expect(statSync(home.identity).mode & 0o777).toBe(0o600);
  const loaded = loadIdentity(home);
  expect(loaded).toMatchObject({
    agentId: made.agentId,
    publicKey: made.publicKey,
    machineId: made.machineId,
  });
  const key = createPublicKey({
    key: {
      kty: "OKP",
      crv: "Ed25519",
      x: Buffer.from(made.publicKey, "base64").toString("base64url"),
    },
    format: "jwk",
  });
  expect(Buffer.from(made.publicKey, "base64")).toHaveLength(32);
  expect(
    verify(null, Buffer.from("text"), key, Buffer.from(loaded?.sign("text") ?? "", "base64")),
  ).toBe(true);
});

test("a key that others may read is refused", () => {
  const home = openHome(temporaryFolder());
  createIdentity(home);
  chmodSync(home.identity, 0o640);
  expect(() => loadIdentity(home)).toThrow(expect.objectContaining({ code: "AUTH_INVALID" }));
});

test.each(["../../etc", "job_../x", "", "job_0000000000000000000000000O"])(
  "%j is no job id, so it is no folder",
  (id) => {
    const home = openHome(temporaryFolder());
    expect(() => attemptFiles(home, id, 1)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    expect(attemptFiles(home, newJobId(), 2).folder).toContain(home.jobs);
  },
);

test("a lock excludes, and a killed holder leaves none behind", async () => {
  const path = join(temporaryFolder(), "x.lock");
  const lockModule = fileURLToPath(new URL("../../gpu-agent/home-lock.ts", import.meta.url));
  const holder = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { acquireLock } from ${JSON.stringify(lockModule)}; globalThis.lock = acquireLock(${JSON.stringify(path)}); process.stdout.write("held"); setInterval(() => {}, 1000);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(() => void holder.kill("SIGKILL"));
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  expect(acquireLock(path)).toBeNull();
  holder.kill("SIGKILL");
  await new Promise((resolve) => holder.once("exit", resolve));
  const mine = acquireLock(path);
  expect(mine).not.toBeNull();
  mine?.release();
  mine?.release();
  const again = acquireLock(path);
  expect(again).not.toBeNull();
  again?.release();
});
