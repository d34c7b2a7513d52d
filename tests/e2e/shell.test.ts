import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { command, startTrainyard } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

const checks = ["health", "auth", "tools", "mcp", "agent", "call"];

describe("the shell's door to a Trainyard", () => {
  let trainyard: Trainyard;
  let readToken: string;
  beforeAll(async () => {
    trainyard = await startTrainyard();
    const secrets = join(trainyard.home, "control-plane", "secrets.json");
    readToken = (JSON.parse(readFileSync(secrets, "utf8")) as { readToken: string }).readToken;
  });
  afterAll(() => trainyard.close());

  async function run(
    args: readonly string[],
    options: { env?: Record<string, string>; input?: string } = {},
  ) {
    const {
      TRAINYARD_URL: _u,
      TRAINYARD_TOKEN: _t,
      TRAINYARD_TOKEN_FILE: _f,
      ...env
    } = process.env;
    const child = spawn(process.execPath, [command, ...args], {
      env: { ...env, TRAINYARD_HOME: trainyard.home, ...options.env },
    });
    const ended = once(child, "exit");
    child.stdin.end(options.input ?? "");
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await ended) as [number];
    expect(err).not.toMatch(/^\s+at /m);
    return { code, out, err };
  }

  const noTrainyard = "http://127.0.0.1:65530";

  describe("trainyard tool", () => {
    it("prints the structured answer as one line of JSON", async () => {
      const done = await run(["tool", "list-agents"]);

      expect([done.code, done.err, done.out.split("\n").length]).toEqual([0, "", 2]);
      expect(JSON.parse(done.out)).toMatchObject({
        count: 1,
        agents: [{ agent_id: trainyard.ready.agent_id, connectivity: "live" }],
      });
    });

    it.each(["written out", "in a file", "on standard input"])(
      "takes arguments %s",
      async (way) => {
        const json = '{"config_name": "nö such"}';
        const path = join(trainyard.home, "arguments.json");
        writeFileSync(path, json);
        const source = { "written out": json, "in a file": `@${path}`, "on standard input": "-" }[
          way
        ];
        const done = await run(["tool", "get_config", source ?? ""], { input: json });

        expect([done.code, done.err]).toEqual([1, expect.stringMatching(/^[A-Z_]+ {2}/)]);
        expect(JSON.parse(done.out).error.code).not.toBe("INVALID_REQUEST");
      },
    );

    it("ends with 1 and the whole error when the call is refused", async () => {
      const done = await run(["tool", "list-agents", '{"wat": 1}']);

      expect(done.code).toBe(1);
      expect(JSON.parse(done.out)).toMatchObject({
        error: { code: "UNKNOWN_KEY", hint: expect.any(String) },
      });
      expect(done.err).toContain("UNKNOWN_KEY  list-agents has no parameter");
    });

    it.each<[string, string[]]>([
      ["no name", ["tool"]],
      ["broken JSON", ["tool", "list-agents", "{"]],
      ["an array", ["tool", "list-agents", "[]"]],
      ["a missing file", ["tool", "list-agents", "@/nowhere"]],
      ["JSON without quotes around it", ["tool", "list-agents", "{}", "x"]],
      ["no URL", ["tool", "--url", "here", "list-agents"]],
      ["an unknown flag", ["tool", "--token", "secret", "list-agents"]],
    ])("ends with 2 for %s", async (_what, args) => {
      const done = await run(args);

      expect([done.code, done.out]).toEqual([2, ""]);
      expect(done.err).toContain("trainyard");
    });

    it("ends with 3 when no Trainyard answers", async () => {
      const env = { TRAINYARD_TOKEN: "t" };
      const away = await run(["tool", "--url", noTrainyard, "list-agents"], { env });
      const page = createServer((_request, response) => response.end("<html>hello</html>"));
      await once(page.listen(0, "127.0.0.1"), "listening");
      const { port } = page.address() as AddressInfo;
      const other = await run(["tool", "--url", `http://127.0.0.1:${port}`, "list-agents"], {
        env,
      });
      page.closeAllConnections();
      page.close();
      const nothing = await run(["tool", "--home", join(trainyard.home, "none"), "list-agents"]);

      expect([away.code, away.out, away.err]).toEqual([
        3,
        "",
        expect.stringContaining("the connection is refused"),
      ]);
      expect([other.code, other.err]).toEqual([3, expect.stringContaining("is not Trainyard")]);
      expect([nothing.code, nothing.err]).toEqual([3, expect.stringContaining("trainyard up")]);
    });

    it("ends with 4 without a token, with a wrong one, and with one that may not", async () => {
      const elsewhere = await run(["tool", "--url", noTrainyard, "list-agents"]);
      const wrong = await run(["tool", "list-agents"], { env: { TRAINYARD_TOKEN: "wrong" } });
      const weak = await run(["tool", "start-training", '{"config_name":"x"}'], {
        env: { TRAINYARD_TOKEN: readToken },
      });

      expect([elsewhere.code, elsewhere.err]).toEqual([
        4,
        expect.stringContaining("AUTH_REQUIRED"),
      ]);
      expect([wrong.code, wrong.err]).toEqual([4, expect.stringContaining("AUTH_INVALID")]);
      expect([weak.code, weak.err]).toEqual([4, expect.stringContaining("INSUFFICIENT_SCOPE")]);
      expect(wrong.out + wrong.err).not.toContain('"wrong"');
    });
  });

  describe("trainyard tools", () => {
    it("lists what the token may call, one line each", async () => {
      const all = await run(["tools"]);
      const readable = await run(["tools"], { env: { TRAINYARD_TOKEN: readToken } });
      const json = await run(["tools", "--json"]);

      const lines = all.out.trimEnd().split("\n");
      expect(lines.every((line) => /^[a-z-]+ {2,}[A-Z].*[.!?]$/.test(line))).toBe(true);
      expect(lines.some((line) => line.startsWith("start-training "))).toBe(true);
      expect(readable.out).not.toContain("start-training ");
      expect(JSON.parse(json.out)).toHaveLength(lines.length);
      expect(JSON.parse(json.out)[0]).toMatchObject({
        name: expect.any(String),
        inputSchema: { type: "object" },
      });
    });

    it("ends with 4 when the token is wrong", async () => {
      const done = await run(["tools"], { env: { TRAINYARD_TOKEN: "wrong" } });

      expect([done.code, done.out]).toEqual([4, ""]);
    });
  });

  describe("trainyard check", () => {
    const report = (out: string) => JSON.parse(out) as Record<string, any>;
    const statuses = (out: string) => report(out)["checks"].map((check: any) => check.status);

    it("says that all is well, for people and for scripts", async () => {
      const people = await run(["check"]);
      const scripts = await run(["check", "--json", `${trainyard.ready.url}/mcp/core`]);

      expect(people.code).toBe(0);
      expect(people.out.match(/^ok {4}\w+/gm)?.map((line) => line.slice(6))).toEqual(checks);
      expect(scripts.code).toBe(0);
      expect(report(scripts.out)).toMatchObject({
        ok: true,
        exit_code: 0,
        mcp_url: `${trainyard.ready.url}/mcp/core`,
        checks: checks.map((name) => ({ name, status: "ok", code: null })),
      });
    });

    it("ends with 2, 3 or 4, and leaves out what cannot be asked", async () => {
      const usage = await run(["check", "one", "two"]);
      const away = await run(["check", noTrainyard, "--json"]);
      const wrong = await run(["check", "--json"], { env: { TRAINYARD_TOKEN: "wrong" } });

      expect(usage.code).toBe(2);
      expect([away.code, statuses(away.out)]).toEqual([
        3,
        ["failed", "skipped", "skipped", "skipped", "skipped", "skipped"],
      ]);
      expect([wrong.code, statuses(wrong.out).slice(0, 3)]).toEqual([
        4,
        ["ok", "failed", "skipped"],
      ]);
      expect(report(wrong.out)["checks"][1]).toMatchObject({ code: "AUTH_INVALID" });
    });

    it("ends with 1 when no box is connected", async () => {
      const front = createServer((request, response) => {
        void (async () => {
          const body = await text(request);
          const real = await fetch(trainyard.ready.url + (request.url ?? ""), {
            method: request.method ?? "GET",
            headers: {
              ...(request.headers.authorization === undefined
                ? {}
                : { authorization: request.headers.authorization }),
              accept: request.headers.accept ?? "*/*",
              "content-type": request.headers["content-type"] ?? "application/json",
              ...Object.fromEntries(
                Object.entries(request.headers).filter(([name]) => name.startsWith("mcp-")),
              ),
            } as Record<string, string>,
            ...(body === "" ? {} : { body }),
          });
          response
            .writeHead(real.status, { "content-type": real.headers.get("content-type") ?? "" })
            .end((await real.text()).replace('"connectivity":"live"', '"connectivity":"offline"'));
        })();
      });
      await once(front.listen(0, "127.0.0.1"), "listening");
      const { port } = front.address() as AddressInfo;
      const done = await run(["check", "--json", `http://127.0.0.1:${port}`], {
        env: { TRAINYARD_TOKEN: trainyard.ready.token },
      });
      front.closeAllConnections();
      front.close();

      expect(done.code).toBe(1);
      expect(report(done.out)).toMatchObject({ ok: false, exit_code: 1 });
      expect(statuses(done.out)).toEqual(["ok", "ok", "ok", "ok", "failed", "skipped"]);
      expect(report(done.out)["checks"][4]).toMatchObject({ code: "AGENT_OFFLINE" });
    });
  });
});
