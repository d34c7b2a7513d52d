import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hostNames } from "../../../../gpu-agent/cli/up/start.ts";
import { trainerEnvironment } from "../../../../gpu-agent/jobs/environment.ts";
import { loadOrCreateSecrets, tokenGrants } from "../../../../gpu-agent/cli/up/secrets.ts";

const home = mkdtempSync(join(tmpdir(), "trainyard-variables-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const read = (path: string) => readFileSync(path, "utf8");

const sources = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path));

const partFiles: Readonly<Record<string, () => string[]>> = {
  up: () => [...sources("gpu-agent/cli/up"), "gpu-agent/cli/up.ts"],
  Worker: () => ["control-plane/env.ts"],
  agent: () => sources("gpu-agent").filter((path) => !path.startsWith("gpu-agent/cli")),
};

/** Of the one table: each variable with the part that is said to read it. */
function variableRows(page: string): [name: string, reader: string][] {
  const table = page.slice(page.indexOf("| mode or variable there"));
  return table
    .slice(0, table.indexOf("\n\n"))
    .split("\n")
    .flatMap((row) => {
      const [, there = "", , , reader = ""] = row.split("|").map((cell) => cell.trim());
      const names = there.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b/g) ?? [];
      return names.map((name): [string, string] => [name, reader]);
    });
}

describe("the variables of the earlier bridge", () => {
  it("are handed on to the Worker where it reads them, and stand in docs/migrate.md", () => {
    const atWorker = new Set(read("control-plane/env.ts").match(/\bMCP_HTTP_[A-Z_]+/g));
    const start = read("gpu-agent/cli/up/start.ts");
    const page = read("docs/migrate.md");

    expect(atWorker.size).toBeGreaterThanOrEqual(9);
    for (const name of atWorker) {
      expect(start).toContain(`"${name}"`);
      expect(page).toContain(`\`${name}\``);
    }
  });

  it.each(variableRows(read("docs/migrate.md")))("%s is read by: %s", (name, reader) => {
    const quoted = [`"${name}"`, `env.${name}`];
    const readers = Object.entries(partFiles)
      .filter(([, files]) =>
        files().some((file) => quoted.some((text) => read(file).includes(text))),
      )
      .map(([part]) => part);

    if (reader === "trainer") {
      expect(trainerEnvironment({ [name]: "0" }, {})[name]).toBe("0");
    } else if (reader.startsWith("nobody")) {
      expect(readers).toEqual([]);
    } else {
      expect(readers).toContain(reader);
    }
  });

  it("are all named in docs/migrate.md, with their flags", () => {
    const page = read("docs/migrate.md");
    const flags =
      "--host --port --auth-token --auth-for-health --auth-for-tools --tool-timeout-seconds --max-body-bytes --rate-limit-enabled --no-rate-limit --rate-limit-window-seconds --rate-limit-max-requests --trust-proxy-for-rate-limit --rate-limit-client-ip-header --trusted-proxy-cidrs --require-trusted-proxy-cidrs --allow-any-proxy-source --mode --backend-url --log-level";
    const variables =
      "MCP_HTTP_HOST MCP_HTTP_PORT MCP_HTTP_AUTH_TOKEN MCP_HTTP_AUTH_FOR_TOOLS MCP_HTTP_REQUIRE_TRUSTED_PROXY_CIDRS AI_TOOLKIT_SERVER_URL LOG_LEVEL COMFYUI_MODEL_ROOTS AI_TOOLKIT_PATH RUST_LOG AI_TOOLKIT_HOST AI_TOOLKIT_PORT";

    for (const name of [...flags.split(" "), ...variables.split(" ")]) {
      expect(page).toContain(name);
    }
  });
});

describe("TRAINYARD_HOSTS", () => {
  it.each([
    [undefined, "127.0.0.1,localhost,[::1]"],
    ["", "127.0.0.1,localhost,[::1]"],
    [
      " yard.example , other.example:8443",
      "127.0.0.1,localhost,[::1],yard.example,other.example:8443",
    ],
    ["*", "127.0.0.1,localhost,[::1]"],
    ["*.example", "127.0.0.1,localhost,[::1]"],
  ])("as %j adds to the names of loopback", (own, names) => {
    expect(hostNames(own)).toBe(names);
  });
});

describe("MCP_HTTP_AUTH_TOKEN", () => {
  const secrets = loadOrCreateSecrets(home);
  const ids = (own?: string) =>
    (JSON.parse(tokenGrants(secrets, "owner", own)) as { id: string }[]).map(({ id }) => id);

  it("is one more token, of which the Worker learns the hash", () => {
    const grants = tokenGrants(secrets, "owner", " change-me ");

    expect(ids("change-me")).toEqual(["owner", "read", "chosen"]);
    expect(grants).toContain(createHash("sha256").update("change-me").digest("hex"));
    expect(grants).not.toContain("change-me");
  });

  it.each([undefined, "", "  "])("as %j is none", (own) => {
    expect(ids(own)).toEqual(["owner", "read"]);
  });
});
