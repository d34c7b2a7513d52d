import { existsSync, readFileSync } from "node:fs";
import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { pictures, root, startTrainyard, until } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

interface Received {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly text: string;
  readonly body: Record<string, any>;
}

/** A real `up`, a real receiver on the loopback interface, which the operator has allowed. */
let trainyard: Trainyard;
let server: Server;
let port = 0;
const received: Received[] = [];
let status = 204;
/** For the receiver of docs/alerts.md. */
let documentedPort = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      received.push({
        url: request.url ?? "",
        headers: request.headers as Record<string, string>,
        text,
        body: JSON.parse(text) as Record<string, any>,
      });
      response.writeHead(
        status,
        status === 302 ? { location: `http://127.0.0.1:${port}/again` } : {},
      );
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
  documentedPort = await freePort();
  trainyard = await startTrainyard({
    env: {
      TRAINYARD_WEBHOOK_ALLOW: `127.0.0.1:${port},127.0.0.1:${documentedPort}`,
      TRAINYARD_TINY_PIXELS: "128",
    },
  });
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await trainyard.close();
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const free = (probe.address() as AddressInfo).port;
  await new Promise((resolve) => probe.close(resolve));
  return free;
}

const place = () => ({ sink: "webhook", destination: `http://127.0.0.1:${port}/in` });

describe("alerts of a real Trainyard", () => {
  it("arrive at a real receiver, signed; a failed attempt is repeated under the same id", async () => {
    const { data } = await trainyard.call("set-alert-route", { name: "main", ...place() });
    const secret = String(data["secret"]);
    status = 500;
    const test = await trainyard.call("test-alert-route", { name: "main" });
    expect(test.data["delivery"]).toMatchObject({ status: "pending", reason: "HTTP_STATUS" });

    status = 204;
    await vi.waitFor(() => expect(received).toHaveLength(2), { timeout: 20_000, interval: 100 });

    for (const { text, headers } of received) {
      expect(new Webhook(secret).verify(text, headers)).toMatchObject({ type: "alert.test" });
    }
    expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    await trainyard.call("delete-alert-route", { name: "main" });
  });

  it("[B40] do not follow a redirect, and a loopback address that is not allowed gets no request", async () => {
    received.length = 0;
    status = 302;
    const alerts = [{ severity: "critical", message: "x" }];
    const redirected = await trainyard.call("alert-routing", {
      ...place(),
      alerts,
      webhook_retry_attempts: 1,
    });
    const refused = await trainyard.call("alert-routing", {
      sink: "webhook",
      destination: `http://localhost:${port}/in`,
      alerts,
    });

    expect(redirected.data["route_result"]).toMatchObject({ webhook_error: "REDIRECT_REFUSED" });
    expect(refused.error?.code).toBe("HTTPS_REQUIRED");
    expect(received.map(({ url }) => url)).toEqual(["/in"]);
  });

  it("say that nobody was there when the connection is refused, and invent no status", async () => {
    const { data } = await trainyard.call("alert-routing", {
      sink: "webhook",
      destination: `http://127.0.0.1:${documentedPort}/in`,
      alerts: [{ severity: "critical", message: "nobody" }],
      webhook_retry_attempts: 1,
    });

    expect(data["route_result"]).toMatchObject({ webhook_error: "NETWORK", webhook_status: null });
  });

  it("are verified by the receiver that the documentation shows", async () => {
    const { data } = await trainyard.call("set-alert-route", {
      name: "documented",
      sink: "webhook",
      destination: `http://127.0.0.1:${documentedPort}/in`,
    });
    const page = readFileSync(join(root, "docs", "alerts.md"), "utf8");
    const code = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
    expect(code).toContain(".listen(9000)");
    const receiver = spawn(
      process.execPath,
      ["--input-type=module", "-e", code.replace("9000", String(documentedPort))],
      { cwd: root, env: { ...process.env, TRAINYARD_WEBHOOK_SECRET: String(data["secret"]) } },
    );
    onTestFinished(() => void receiver.kill());
    let printed = "";
    receiver.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    await vi.waitFor(() => fetch(`http://127.0.0.1:${documentedPort}/`, { method: "POST" }), {
      timeout: 10_000,
    });

    const test = await trainyard.call("test-alert-route", { name: "documented" });

    expect(test.data).toMatchObject({ success: true, delivery: { history: [{ status: 204 }] } });
    expect(printed).toContain("info ALERT_TEST");
    // A body that nobody signed is refused.
    const forged = await fetch(`http://127.0.0.1:${documentedPort}/`, {
      method: "POST",
      body: "{}",
    });
    expect(forged.status).toBe(401);
  });

  it("go into a file on the box, once", async () => {
    const alerts = [{ severity: "critical", code: "X", message: "x" }];
    const { data } = await trainyard.call("alert-routing", { alerts, destination: "mine.jsonl" });

    expect(data["route_result"]).toMatchObject({ delivery_status: "delivered" });
    const lines = readFileSync(join(trainyard.home, "alerts", "mine.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([
      { id: expect.stringMatching(/^dlv_/), timestamp: expect.any(String), alert: { code: "X" } },
    ]);
  });

  it("of a guardrail that fired while the link was cut arrive when it is back, once", async () => {
    received.length = 0;
    status = 204;
    await trainyard.upload("shapes", await pictures(10));
    await trainyard.call("set-alert-route", { name: "main", ...place() });
    const created = await trainyard.call("create-training-config", {
      name: "diverges",
      model_name: "tiny",
      dataset_path: "shapes",
      steps: 2_000,
      learning_rate: 1,
    });
    expect(created.error).toBeNull();
    const { data } = await trainyard.call("run-training-with-guardrails", {
      config_name: "diverges",
      monitor_seconds: 0,
    });
    const jobId = String(data["job_id"]);
    // Nothing that the edge runs answers any more; what the box does goes on.
    const edge = trainyard.pids().control_plane;
    process.kill(edge, "SIGSTOP");
    try {
      await until("the end on the box", async () =>
        existsSync(join(trainyard.home, "jobs", jobId, "1", "exit.json")),
      );
      expect(received).toEqual([]);
    } finally {
      process.kill(edge, "SIGCONT");
    }

    const codesOf = () =>
      received.flatMap(({ body }) => body["alerts"] as { code: string; job_id: string }[]);
    await until("the end of the job", async () =>
      codesOf().some(({ code, job_id: id }) => code === "JOB_STOPPED" && id === jobId),
    );
    const codes = codesOf().map(({ code }) => code);
    expect(codes).toContain("TRAINING_NAN_LOSS");
    expect(new Set(codes).size).toBe(codes.length);
    await trainyard.call("delete-alert-route", { name: "main" });
  });

  it("hold no secret in the state that lies on the disk", async () => {
    const { data } = await trainyard.call("set-alert-route", {
      name: "sealed",
      sink: "slack",
      destination: "https://hooks.slack.com/services/CANARY-PATH",
    });
    const made = await trainyard.call("set-alert-route", { name: "signed", ...place() });
    const grep = (text: string): number => {
      try {
        execFileSync("grep", [
          "-r",
          "-q",
          "-a",
          "-F",
          text,
          join(trainyard.home, "control-plane", "state"),
        ]);
        return 0;
      } catch (error) {
        return (error as { status: number }).status;
      }
    };

    expect(data["created"]).toBe(true);
    // The search can find something: the route's name is there.
    expect(grep("sealed")).toBe(0);
    expect(grep("CANARY-PATH")).toBe(1);
    expect(grep(String(made.data["secret"]).slice(6))).toBe(1);
  });
});
