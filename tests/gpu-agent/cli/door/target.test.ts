import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../../gpu-agent/cli/usage-error.ts";
import {
  chooseTarget,
  isUnprotected,
  parseAddress,
} from "../../../../gpu-agent/cli/door/target.ts";
import { forgetAddress, writeAddress } from "../../../../gpu-agent/cli/up/address.ts";
import { recordProcess } from "../../../../gpu-agent/cli/up/own-process.ts";
import { loadOrCreateSecrets } from "../../../../gpu-agent/cli/up/secrets.ts";
import { temporaryFolder } from "../../support/temporary-home.ts";

/** A home whose `up` is this very process. */
function runningHome(url: string): string {
  const home = temporaryFolder();
  mkdirSync(join(home, "run"));
  recordProcess(join(home, "run", "up.json"), process.pid);
  writeAddress(home, url);
  return home;
}

function file(text: string): string {
  const path = join(temporaryFolder(), "token");
  writeFileSync(path, text);
  return path;
}

describe("the address of a Trainyard", () => {
  it.each([
    ["https://t.example", "https://t.example", "https://t.example/mcp"],
    ["https://t.example/", "https://t.example", "https://t.example/mcp"],
    ["https://t.example/mcp/", "https://t.example", "https://t.example/mcp"],
    ["https://t.example/mcp/core", "https://t.example", "https://t.example/mcp/core"],
    ["http://[::1]:8787/mcp", "http://[::1]:8787", "http://[::1]:8787/mcp"],
    ["https://nas.example/yard/mcp", "https://nas.example/yard", "https://nas.example/yard/mcp"],
    ["https://nas.example/yard", "https://nas.example/yard", "https://nas.example/yard/mcp"],
  ])("%s", (text, base, mcpUrl) => {
    expect(parseAddress(text)).toEqual({ base, mcpUrl });
  });

  it.each(["t.example", "ftp://t.example", "https://u:p@t.example", "https://t.example/?token=x"])(
    "%s is none",
    (text) => {
      expect(() => parseAddress(text)).toThrow(UsageError);
    },
  );

  it("is unprotected over plain http, unless it is this machine", () => {
    expect(isUnprotected(parseAddress("http://t.example"))).toBe(true);
    expect(isUnprotected(parseAddress("https://t.example"))).toBe(false);
    expect(isUnprotected(parseAddress("http://localhost:1234"))).toBe(false);
  });
});

describe("which Trainyard is meant", () => {
  it("says the flag, then the environment, then the home's running up", () => {
    const home = runningHome("http://127.0.0.1:4000");
    const flag = { url: "https://flag.example", home };
    const environment = { TRAINYARD_URL: "https://env.example" };

    expect(chooseTarget(flag, environment).address().base).toBe("https://flag.example");
    expect(chooseTarget({ home }, environment).address().base).toBe("https://env.example");
    expect(chooseTarget({ home }, {}).address().base).toBe("http://127.0.0.1:4000");
  });

  it("says which token: its file, then the environment, then the home's", () => {
    const home = runningHome("http://127.0.0.1:4000");
    const environment = { TRAINYARD_TOKEN: "second", TRAINYARD_TOKEN_FILE: file("third\n") };

    expect(chooseTarget({ home, "token-file": file("first\n") }, environment).token()).toBe(
      "Bearer first",
    );
    expect(chooseTarget({ home }, environment).token()).toBe("Bearer second");
    expect(chooseTarget({ home }, { ...environment, TRAINYARD_TOKEN: "" }).token()).toBe(
      "Bearer third",
    );
    expect(chooseTarget({ home }, {}).token()).toBe(
      `Bearer ${loadOrCreateSecrets(home).ownerToken}`,
    );
  });

  it("gives the home's token to the home's own Trainyard alone", () => {
    const home = runningHome("http://127.0.0.1:4000");
    loadOrCreateSecrets(home);

    expect(chooseTarget({ home, url: "http://localhost:4000/mcp" }, {}).token()).toMatch(
      /^Bearer ty_/,
    );
    for (const url of [
      "http://127.0.0.1:4001",
      "https://127.0.0.1:4000",
      "http://t.example:4000",
    ]) {
      expect(() => chooseTarget({ home, url }, {}).token()).toThrow("No token was given.");
    }
  });

  it("reads both anew, so that a later start and a corrected file are found", () => {
    const home = runningHome("http://127.0.0.1:4000");
    const path = file("old");
    const target = chooseTarget({ home, "token-file": path }, {});
    expect([target.address().base, target.token()]).toEqual([
      "http://127.0.0.1:4000",
      "Bearer old",
    ]);

    writeAddress(home, "http://127.0.0.1:5000");
    writeFileSync(path, "new");

    expect([target.address().base, target.token()]).toEqual([
      "http://127.0.0.1:5000",
      "Bearer new",
    ]);
    forgetAddress(home);
    expect(() => target.address()).toThrow("No Trainyard runs with this home.");
  });

  it("does not believe the file of an up that was killed: its port may be somebody else's", async () => {
    const home = temporaryFolder();
    mkdirSync(join(home, "run"));
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await once(child, "spawn");
    recordProcess(join(home, "run", "up.json"), Number(child.pid));
    const path = join(home, "run", "address.json");
    writeFileSync(path, JSON.stringify({ url: "http://127.0.0.1:4000", pid: child.pid }));
    const target = chooseTarget({ home }, {});
    expect(target.address().base).toBe("http://127.0.0.1:4000");

    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;

    expect(() => target.address()).toThrow("No Trainyard runs with this home.");
  });

  it.each([
    ["two words", "one two", "not one token"],
    ["a line break inside", "one\ntwo", "not one token"],
    ["nothing", " \n", "no token in the token file"],
  ])("refuses a token file with %s, without showing what is in it", (_what, text, expected) => {
    const ask = () => chooseTarget({ "token-file": file(text) }, {}).token();

    expect(ask).toThrow(expected);
    expect(ask).not.toThrow(/one two/);
  });

  it("says that the token file is missing", () => {
    expect(() => chooseTarget({ "token-file": "/nowhere/token" }, {}).token()).toThrow("(ENOENT)");
  });
});
