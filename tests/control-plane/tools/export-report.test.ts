import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { complete, fail, sendRun, startedJob } from "../support/judged-jobs.ts";
import { peerIssues } from "../support/peer-schema.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import type { ScriptedAgent } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

let yard: Yard;
let agent: ScriptedAgent;
let jobId = "";
let failedId = "";

beforeAll(async () => {
  yard = await createYard();
  agent = await connectAgent(yard, {
    "write-report": (args) => ({
      paths: args.files.map(
        ({ extension }) =>
          `${["outputs", "reports", ...args.folder, args.name].join("/")}.${extension}`,
      ),
    }),
  });
  jobId = await startedJob(yard);
  await sendRun(agent, jobId, { steps: 2_000 });
  await complete(agent, jobId, 2_000);
  failedId = await startedJob(yard, "failed");
  await fail(agent, failedId, 0);
}, 60_000);

interface ExportedFile {
  format: string;
  filename: string;
  download_url: string;
  content?: string;
  path?: string | null;
}

async function exported(
  args: Record<string, unknown>,
): Promise<{ data: Record<string, any>; files: Record<string, ExportedFile> }> {
  const { data, error } = await yard.call("export-observability-report", args);
  expect(error).toBeNull();
  const files = data["files"] as ExportedFile[];
  return { data, files: Object.fromEntries(files.map((file) => [file.format, file])) };
}

describe("export-observability-report", () => {
  it("gives the three forms, inline and by links that need no token", async () => {
    const { data, files } = await exported({ job_id: jobId });

    expect(data).toMatchObject({ success: true, overall_health: "healthy", output_dir: null });
    expect(Object.keys(files)).toEqual(["json", "markdown", "html"]);
    const json = JSON.parse(files["json"]?.content ?? "") as Record<string, any>;
    expect(peerIssues("get-training-observability", json["snapshot"])).toEqual([]);
    expect(json["evaluation"].overall_score).toBe(data["evaluation_score"]);
    expect(json["series"].loss.points).toBe(2_000);
    expect(json["series"].loss.steps.length).toBeLessThanOrEqual(600);
    expect(files["markdown"]?.content).toContain("## Alerts");
    for (const format of ["json", "markdown", "html"]) {
      const response = await yard.fetch(files[format]?.download_url ?? "");
      expect(response.status).toBe(200);
      expect((await response.text()).length).toBeGreaterThan(500);
    }
  });

  it("draws the charts into one page that loads nothing", async () => {
    const { files } = await exported({ job_id: jobId, formats: ["html"] });
    const response = await yard.fetch(files["html"]?.download_url ?? "");
    const page = await response.text();

    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-disposition")).toMatch(
      /^inline; filename="observability-/,
    );
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page).toContain("<svg");
    expect(page).not.toMatch(/<script|src=|href="http/);
  });

  it("lets a changed or an expired link do nothing", async () => {
    const { files } = await exported({ job_id: jobId, formats: ["json"] });
    const url = files["json"]?.download_url ?? "";
    const at = url.length - 30;
    const changed = url.slice(0, at) + (url[at] === "A" ? "B" : "A") + url.slice(at + 1);

    expect((await yard.fetch(changed)).status).toBe(403);
    expect(
      (await yard.fetch(url.replace("/files/r/", "/files/d/").replace(/\/json$/, ""))).status,
    ).toBe(403);
  });

  it("writes below outputs/reports on the box when a folder is named, never under the same name twice", async () => {
    const first = await exported({ job_id: jobId, output_dir: "/ai-toolkit/outputs/reports/week" });
    const calls = agent.argsOf("write-report");

    expect(calls.at(-1)).toMatchObject({ folder: ["week"] });
    expect(calls.at(-1)?.files.map(({ extension }) => extension)).toEqual(["json", "md", "html"]);
    expect(first.data["output_dir"]).toBe("outputs/reports/week");
    expect(first.data["json_report_path"]).toMatch(
      /^outputs\/reports\/week\/observability-.*\.json$/,
    );
    expect(first.data["json_path"]).toBe(first.data["json_report_path"]);
  });

  it.each(["../up", "/etc", "a/../../b", "a\\b", "/ai-toolkit/datasets/x", "a/b/c"])(
    "refuses the folder %s",
    async (folder) => {
      const before = agent.argsOf("write-report").length;
      const { status, error } = await yard.call("export-observability-report", {
        job_id: jobId,
        output_dir: folder,
      });

      expect(status).toBeGreaterThanOrEqual(400);
      expect(["PATH_ESCAPE", "INVALID_NAME"]).toContain(error?.code);
      expect(agent.argsOf("write-report").length).toBe(before);
    },
  );

  it("is short at MCP and carries no file in it", async () => {
    const { data, text } = await yard.mcp("export-observability-report", {
      job_id: jobId,
      detail: "full",
    });
    const short = await yard.mcp("export-observability-report", { job_id: failedId });

    expect(JSON.stringify(data)).not.toContain('"content"');
    expect(JSON.stringify(short.data).length + short.text.length).toBeLessThanOrEqual(
      limits.conciseCharacters,
    );
    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(limits.fullCharacters);
  });

  it("is short at MCP also with a deep folder and a long name", async () => {
    const { data, text } = await yard.mcp("export-observability-report", {
      job_id: jobId,
      output_dir: ["a", "b"].map((one) => one.repeat(64)).join("/"),
      filename_prefix: "p".repeat(64),
    });

    expect(data["json_report_path"]).toContain("/aaaa");
    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(limits.conciseCharacters);
  });

  it("goes by its old name, and knows no unknown job", async () => {
    const old = await yard.fetch("/mcp/tool", {
      method: "POST",
      headers: {
        authorization: `Bearer ${yard.tokens.admin}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ name: "export_report", arguments: { job_id: jobId } }),
    });
    const unknown = await yard.call("export-observability-report", { job_id: "job_none" });

    expect(old.status).toBe(200);
    expect(unknown.error?.code).toBe("JOB_NOT_FOUND");
  });

  it("escapes what came from a log", async () => {
    const { files } = await exported({ job_id: failedId, include_raw_log_excerpt: true });

    expect(files["html"]?.content).not.toContain("<script>alert");
    expect(files["markdown"]?.content).not.toContain("<script>alert");
  });

  it("works with the box off, and says that nothing was written there", async () => {
    const off = await createYard();
    const box = await connectAgent(off);
    const id = await startedJob(off);
    await box.close();
    const { data, text } = await off.call("export-observability-report", {
      job_id: id,
      output_dir: "reports",
    });

    expect(data).toMatchObject({ success: true, output_dir: null, json_report_path: null });
    expect(data["note"]).toContain("could not be asked");
    expect(text).toContain("could not be asked");
    const [file] = data["files"] as ExportedFile[];
    expect((await off.fetch(file?.download_url ?? "")).status).toBe(200);
  });

  it("says what a full disk of the box says", async () => {
    const full = await createYard();
    const box = await connectAgent(full, {
      "write-report": () => {
        throw new AppError("STORAGE_FULL", "The box's disk is full.");
      },
    });
    const id = await startedJob(full);
    await sendRun(box, id, { steps: 20 });
    const { status, error } = await full.call("export-observability-report", {
      job_id: id,
      output_dir: "x",
    });

    expect(status).toBe(507);
    expect(error?.code).toBe("STORAGE_FULL");
  });
});
