import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { linuxProcesses, livenessOf, parseStat } from "../../gpu-agent/jobs/process-identity.ts";
import { temporaryFolder } from "./support/temporary-home.ts";
import { until } from "./support/waiting.ts";

const statLine = (name: string, state: string, ticks: string): string =>
  `77 (${name}) ${state} 1 77 77 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 ${ticks} 1000 200 18446744073709551615`;

test("fields are counted behind the last parenthesis of the name", () => {
  expect(parseStat(statLine("a b) R (x", "S", "12345"))).toBe("12345");
  expect(() => parseStat("garbage")).toThrow();
});

test.each(["Z", "X"])("a process in state %s is dead", (state) => {
  expect(parseStat(statLine("node", state, "12345"))).toBeNull();
});

test("pid, start and boot together: everything else is another process", () => {
  const root = temporaryFolder();
  mkdirSync(join(root, "77"));
  writeFileSync(join(root, "77", "stat"), statLine("node", "R", "500"));
  const view = linuxProcesses(root);
  const identity = { pid: 77, startTicks: "500", bootId: "a" };
  expect(livenessOf(view, identity, "a")).toBe("alive");
  expect(livenessOf(view, { ...identity, startTicks: "499" }, "a")).toBe("gone");
  expect(livenessOf(view, { ...identity, pid: 78 }, "a")).toBe("gone");
  expect(livenessOf(view, identity, "b")).toBe("rebooted");
  writeFileSync(join(root, "77", "stat"), "cut");
  expect(livenessOf(view, identity, "a")).toBe("unknown");
});

test("a real zombie is dead although its pid still answers", async () => {
  // The shell starts a child and never waits for it.
  const parent = spawn("/bin/sh", ["-c", "sleep 30 & echo $!; exec sleep 30"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void parent.kill("SIGKILL"));
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once("data", (data) => resolve(Number(String(data)))),
  );
  const view = linuxProcesses();
  expect(view.startTicks(pid)).not.toBeNull();
  process.kill(pid, "SIGKILL");
  await until(() => view.startTicks(pid) === null, "the child to die");
  expect(() => process.kill(pid, 0)).not.toThrow();
});

test("a process is found by its environment", () => {
  const marker = `TRAINYARD_TEST_MARK=${process.pid}-${Date.now()}`;
  const [name = "", value = ""] = marker.split("=");
  const child = spawn("sleep", ["30"], {
    env: { [name]: value, PATH: process.env["PATH"] ?? "" },
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  expect(linuxProcesses().withEnvironment(marker)).toEqual([child.pid]);
});
