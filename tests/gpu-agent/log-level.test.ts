import { describe, expect, it } from "vitest";
import { logLevelOf } from "../../gpu-agent/log.ts";

describe("the log's level", () => {
  it.each([
    ["debug", "debug"],
    ["INFO", "info"],
    [" Warning ", "warn"],
    ["WARN", "warn"],
    ["CRITICAL", "error"],
    ["error", "error"],
    ["trace", "debug"],
    ["loud", "info"],
    ["", "info"],
    ["__proto__", "info"],
  ])("%j is %s", (told, level) => {
    expect(logLevelOf([told])).toBe(level);
  });

  it("is the first that is said: the flag, our variable, then the earlier systems'", () => {
    expect(logLevelOf([undefined, "warn", "debug"])).toBe("warn");
    expect(logLevelOf([undefined, undefined, "debug"])).toBe("debug");
    expect(logLevelOf([undefined, "", "debug"])).toBe("debug");
    expect(logLevelOf([])).toBe("info");
  });
});
