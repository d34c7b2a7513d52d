import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { openHome } from "../../gpu-agent/home.ts";
import type { Home } from "../../gpu-agent/home.ts";
import { appendAlerts } from "../../gpu-agent/operations/append-alerts.ts";
import type { OperationContext } from "../../gpu-agent/operations/operation-context.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

let home: Home;
beforeEach(() => {
  home = openHome(temporaryFolder());
});

const line = (n: number) => ({ timestamp: "2026-10-21T07:28:00.000Z", alert: { code: `C${n}` } });

const write = (deliveryId: string, count = 1, file = "a.jsonl") => {
  const lines = Array.from({ length: count }, (_, n) => line(n));
  const context = { home } as OperationContext;
  return appendAlerts({ deliveryId, file, lines }, context) as OperationValue<"append-alerts">;
};

const path = () => join(home.alerts, "a.jsonl");
const written = () =>
  readFileSync(path(), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((text) => JSON.parse(text) as Record<string, unknown>);

describe("[W20] append-alerts", () => {
  it("writes JSON lines below the home's alerts folder, for its owner alone", () => {
    expect(write("dlv_1", 2)).toEqual({ path: "alerts/a.jsonl", written: 2 });

    expect(written()).toEqual([
      { id: "dlv_1", ...line(0) },
      { id: "dlv_1", ...line(1) },
    ]);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it("writes a delivery once however often it comes, also behind others", () => {
    write("dlv_1", 2);
    write("dlv_2");

    expect(write("dlv_1", 2)).toEqual({ path: "alerts/a.jsonl", written: 0 });
    expect(written().map(({ id }) => id)).toEqual(["dlv_1", "dlv_1", "dlv_2"]);
  });

  it("goes on after a write that was cut at any byte", () => {
    write("dlv_0");
    const before = statSync(path()).size;
    write("dlv_1", 3);
    const whole = readFileSync(path());
    for (let cut = before; cut < whole.byteLength; cut += 1) {
      truncateSync(path(), 0);
      writeFileSync(path(), whole.subarray(0, cut));
      write("dlv_1", 3);
      expect(readFileSync(path()).equals(whole), `cut at ${cut}`).toBe(true);
    }
  });

  it("leaves a line without an end as it is", () => {
    mkdirSync(home.alerts);
    writeFileSync(path(), "my own note");
    write("dlv_1");

    expect(readFileSync(path(), "utf8").split("\n")[0]).toBe("my own note");
    expect(readFileSync(path(), "utf8").split("\n")).toHaveLength(3);
  });

  it.each(["../a.jsonl", "/etc/passwd", "a/b", ".hidden", "", "con"])("refuses %j", (file) => {
    expect(() => write("dlv_1", 1, file)).toThrow();
  });

  it("follows no link, neither of the file nor of the folder", () => {
    const outside = join(temporaryFolder(), "outside");
    writeFileSync(outside, "");
    mkdirSync(home.alerts);
    symlinkSync(outside, path());
    linkSync(outside, join(home.alerts, "hard.jsonl"));

    expect(() => write("dlv_1")).toThrow(expect.objectContaining({ code: "PATH_ESCAPE" }));
    expect(() => write("dlv_1", 1, "hard.jsonl")).toThrow(
      expect.objectContaining({ code: "PATH_ESCAPE" }),
    );
    const other = openHome(temporaryFolder());
    symlinkSync(home.alerts, other.alerts);
    home = other;
    expect(() => write("dlv_1", 1, "b.jsonl")).toThrow(
      expect.objectContaining({ code: "PATH_ESCAPE" }),
    );
    expect(readFileSync(outside, "utf8")).toBe("");
  });

  it("stops at its bound", () => {
    mkdirSync(home.alerts);
    writeFileSync(path(), "");
    truncateSync(path(), limits.alertFileBytes - 10);
    appendFileSync(path(), "\n");

    expect(() => write("dlv_1")).toThrow(expect.objectContaining({ code: "STORAGE_FULL" }));
    expect(statSync(path()).size).toBe(limits.alertFileBytes - 9);
  });
});
