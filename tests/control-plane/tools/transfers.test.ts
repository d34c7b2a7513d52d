import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { describe, expect, it } from "vitest";
import { connectAgent, fileScript } from "../support/scripted-agent.ts";
import type { ScriptedAgent } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const base64 = (text: string) => btoa(text);

async function withBox(): Promise<{ yard: Yard; agent: ScriptedAgent }> {
  const yard = await createYard();
  return { yard, agent: await connectAgent(yard, fileScript(yard)) };
}

async function finishedJob(yard: Yard, agent: ScriptedAgent, bytes: Uint8Array): Promise<string> {
  await yard.call("create-training-config", {
    name: "cats",
    model_name: "tiny",
    dataset_path: "cats",
  });
  const jobId = String((await yard.call("start-training", { config_name: "cats" })).data["job_id"]);
  agent.files.set("cats/cats.safetensors", bytes);
  agent.files.set("cats/cats_50.safetensors", bytes.slice(1));
  agent.files.set("cats/samples/50_0.png", bytes.slice(2));
  agent.files.set("log/stderr", bytes.slice(3));
  await agent.events(
    jobId,
    [
      { kind: "state", atMs: 1, state: "running" },
      {
        kind: "checkpoint",
        atMs: 2,
        step: 50,
        path: "outputs/cats/cats_50.safetensors",
        bytes: 1,
        valid: true,
        final: false,
      },
      {
        kind: "checkpoint",
        atMs: 2,
        step: 60,
        path: "outputs/cats/cats_60.safetensors",
        bytes: 1,
        valid: false,
        final: false,
      },
      {
        kind: "sample",
        atMs: 3,
        step: 50,
        index: 0,
        path: "outputs/cats/samples/50_0.png",
        bytes: 1,
      },
      {
        kind: "artifact",
        atMs: 4,
        name: "cats.safetensors",
        path: "outputs/cats/cats.safetensors",
        bytes: bytes.byteLength,
        sha256: await sha256Hex(bytes),
        step: 100,
      },
      { kind: "state", atMs: 5, state: "completed" },
    ],
    { state: "completed" },
  );
  return jobId;
}

describe("upload-dataset", () => {
  it("saves pictures with their captions and says so for each", async () => {
    const { yard, agent } = await withBox();
    const { data, text } = await yard.call("upload-dataset", {
      name: "datasets/cats",
      files: [
        { filename: "a.png", content: base64("picture a"), caption: "ein Kätzchen" },
        { filename: "b.jpeg", data: base64("picture b") },
      ],
    });

    expect(data).toMatchObject({
      success: true,
      dataset_name: "cats",
      dataset: "cats",
      path: "datasets/cats",
      status: "success",
      images_saved: 2,
      files: [
        {
          filename: "a.png",
          saved: true,
          size: 9,
          sha256: await sha256Hex(new TextEncoder().encode("picture a")),
        },
        { filename: "b.jpeg", saved: true },
      ],
    });
    expect(new TextDecoder().decode(agent.files.get("cats/a.txt"))).toBe("ein Kätzchen");
    expect([...agent.files.keys()].sort()).toEqual(["cats/a.png", "cats/a.txt", "cats/b.jpeg"]);
    expect(text).toContain("2 of 2 pictures");
  });

  it("saves nothing when single files are refused, and says which and why", async () => {
    const { yard, agent } = await withBox();
    const { status, data, text } = await yard.call("upload-dataset", {
      dataset_name: "cats",
      images: [
        { filename: "../../evil.png", content: base64("x") },
        { filename: "a.png", content: "not base64!" },
        { filename: "b.png", content: "abc" },
        { filename: "c.png" },
        { filename: "d.png", content: "YQ=" },
        { filename: "e.png", content: "Y Q=" },
        { filename: "good.png", content: base64("good") },
        { filename: "GOOD.PNG", content: base64("good") },
        { filename: "other.jpg", content: base64("x"), caption: "one" },
        { filename: "other.txt", content: base64("x") },
      ],
    });

    expect(status).toBe(200);
    expect(data).toMatchObject({ status: "failed", success: false, images_saved: 0 });
    expect((data["files"] as { code?: string }[]).map(({ code }) => code)).toEqual([
      "INVALID_FILENAME",
      ...Array<string>(5).fill("INVALID_ARGUMENT"),
      "NOT_SAVED",
      "NAME_CONFLICT",
      "NOT_SAVED",
      "NAME_CONFLICT",
    ]);
    expect([...agent.files.keys()]).toEqual([]);
    expect(agent.argsOf("receive-part")).toEqual([]);
    expect(text).not.toContain("evil");
  });

  it("saves nothing when the box refuses a picture or a caption, and tells whose it is", async () => {
    const { yard, agent } = await withBox();
    const { data } = await yard.call("upload-dataset", {
      dataset_name: "cats",
      images: [
        { filename: "a.png", content: base64("good"), caption: "good" },
        { filename: "b.png", content: base64("bad") },
        { filename: "c.png", content: base64("good"), caption: "bad" },
      ],
    });

    expect(data).toMatchObject({
      success: false,
      files: [
        { filename: "a.png", saved: false, code: "NOT_SAVED" },
        { filename: "b.png", saved: false, code: "IMAGE_CORRUPT" },
        { filename: "c.png", saved: false, code: "IMAGE_CORRUPT" },
      ],
    });
    expect([...agent.files.keys()]).toEqual([]);
    expect(agent.argsOf("receive-part")[0]?.target).toEqual({
      dataset: "cats",
      filename: "upload.zip",
      strict: true,
    });
  });

  it("[W25] answers what is too large for a call with a link that takes it, and sends nothing", async () => {
    const { yard, agent } = await withBox();
    const { status, data, text } = await yard.call("upload-dataset", {
      dataset_name: "cats",
      images: [
        { filename: "a.png", content: btoa("x".repeat(limits.inlineFileBytes)), caption: "one" },
      ],
    });

    expect(status).toBe(200);
    expect(data).toMatchObject({
      success: false,
      images_saved: 0,
      files: [{ filename: "a.png", saved: false, code: "PAYLOAD_TOO_LARGE" }],
    });
    expect(agent.calls).toEqual([]);
    expect(text).toContain("upload_url");
    const put = await yard.fetch(`${String(data["upload_url"])}/a.png`, {
      method: "PUT",
      body: "picture",
    });
    expect(put.status).toBe(200);
    expect(agent.files.has("cats/a.png")).toBe(true);
  });

  it("waits while the box is still looking at the files", async () => {
    const yard = await createYard();
    const ends: Partial<OperationValue<"upload-state">>[] = [
      { processing: true },
      { complete: { path: "datasets/cats", bytes: 1, sha256: "0".repeat(64) } },
      { problem: { code: "STORAGE_FULL", message: "Full." } },
    ];
    const agent = await connectAgent(yard, {
      "receive-part": (args) => ({
        sha256: "0".repeat(64),
        storedBytes: args.bytes,
        complete: null,
        processing: true,
      }),
      "upload-state": () => ({ storedBytes: 1, ...ends.shift() }),
    });
    const call = () =>
      yard.call("upload-dataset", {
        dataset_name: "cats",
        images: [{ filename: "a.png", content: base64("x") }],
      });

    expect((await call()).data).toMatchObject({ success: true, images_saved: 1 });
    expect(agent.argsOf("upload-state")).toHaveLength(2);
    expect((await call()).error?.code).toBe("STORAGE_FULL");
  });

  it("with the box off is refused as a whole", async () => {
    const { yard, agent } = await withBox();
    await agent.close();
    const { status, error } = await yard.call("upload-dataset", {
      dataset_name: "cats",
      images: [{ filename: "a.png", content: base64("x") }],
    });

    expect([status, error?.code]).toEqual([503, "AGENT_OFFLINE"]);
  });
});

describe("create-upload-link", () => {
  it("is for one dataset of one box and ends when it says", async () => {
    const { yard } = await withBox();
    const { data } = await yard.call("create-upload-link", {
      dataset: "/ai-toolkit/datasets/cats",
      expires_in: 60,
    });
    const seconds = (Date.parse(data["expires_at"] as string) - Date.now()) / 1_000;

    expect(data).toMatchObject({
      method: "PUT",
      dataset_name: "cats",
      dataset_path: "datasets/cats",
      max_put_bytes: limits.putBytes,
      part_bytes: limits.partBytes,
    });
    expect(seconds).toBeGreaterThan(57);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it.each([
    [{ dataset_name: "../x" }, "INVALID_NAME"],
    [{ dataset_name: "cats", filename: "a/b.png" }, "INVALID_FILENAME"],
    [{ dataset_name: "cats", expires_in_seconds: 1 }, "INVALID_ARGUMENT"],
    [{ dataset_name: "cats", expires_in_seconds: limits.linkSecondsMax + 1 }, "INVALID_ARGUMENT"],
  ])("refuses %j as %s", async (args, code) => {
    expect((await (await withBox()).yard.call("create-upload-link", args)).error?.code).toBe(code);
  });
});

describe("create-download-link", () => {
  it("finds a job's model, its newest valid checkpoint, its samples and its log", async () => {
    const { yard, agent } = await withBox();
    const bytes = crypto.getRandomValues(new Uint8Array(5_000));
    const jobId = await finishedJob(yard, agent, bytes);
    const get = async (args: Record<string, unknown>) => {
      const { data } = await yard.call("create-download-link", { job_id: jobId, ...args });
      const response = await yard.fetch(String(data["download_url"]));
      return { data, bytes: new Uint8Array(await response.arrayBuffer()) };
    };

    const model = await get({});
    expect(model.bytes).toEqual(bytes);
    expect(model.data).toMatchObject({
      filename: "cats.safetensors",
      size: 5_000,
      sha256: await sha256Hex(bytes),
      job_id: jobId,
      path: "outputs/cats/cats.safetensors",
    });
    expect((await get({ kind: "checkpoint" })).bytes).toEqual(bytes.slice(1));
    expect((await get({ kind: "sample", step: 50, index: 0 })).bytes).toEqual(bytes.slice(2));
    const log = await get({ kind: "log", stream: "stderr" });
    expect(log.bytes).toEqual(bytes.slice(3));
    expect(log.data["sha256"]).toBeNull();

    // By the name that the job has for people, too.
    const named = await yard.call("create-download-link", {
      kind: "log",
      model_name: "Cats",
      stream: "stderr",
    });
    expect(named.data["job_id"]).toBe(jobId);
    const none = await yard.call("create-download-link", { kind: "log", model_name: "dogs" });
    expect([none.status, none.error?.code]).toEqual([404, "JOB_NOT_FOUND"]);
  });

  it.each([
    [{}, 400, "INVALID_ARGUMENT"],
    [{ kind: "sample" }, 400, "INVALID_ARGUMENT"],
    [{ kind: "checkpoint", job_id: "job_x" }, 404, "JOB_NOT_FOUND"],
    [{ model_path: "/etc/passwd" }, 400, "INVALID_MODEL_REF"],
    [{ model_path: "\\\\host\\share\\x.safetensors" }, 400, "INVALID_MODEL_REF"],
    [{ model_path: "file:///etc/passwd" }, 400, "INVALID_MODEL_REF"],
    [{ model_path: "outputs/../../x" }, 403, "PATH_ESCAPE"],
    [{ model_path: "outputs/cats/none.safetensors" }, 404, "MODEL_NOT_FOUND"],
  ])("refuses %j with %i %s", async (args, status, code) => {
    const answer = await (await withBox()).yard.call("create-download-link", args);

    expect([answer.status, answer.error?.code]).toEqual([status, code]);
  });

  it("says that a job has no model yet", async () => {
    const { yard } = await withBox();
    await yard.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const job = await yard.call("start-training", { config_name: "cats" });
    const model = await yard.call("create-download-link", { job_id: job.data["job_id"] });
    const log = await yard.call("create-download-link", {
      job_id: job.data["job_id"],
      kind: "log",
    });
    const checkpoint = await yard.call("create-download-link", {
      job_id: job.data["job_id"],
      kind: "checkpoint",
    });

    expect([model.status, model.error?.code]).toEqual([404, "MODEL_NOT_FOUND"]);
    expect([log.status, log.error?.code]).toEqual([404, "NOT_FOUND"]);
    expect([checkpoint.status, checkpoint.error?.code]).toEqual([404, "MODEL_NOT_FOUND"]);
  });
});

describe("download-model", () => {
  it("over HTTP gives a small file inline, with its facts and a link", async () => {
    const { yard, agent } = await withBox();
    const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 251);
    const jobId = await finishedJob(yard, agent, bytes);
    const { data } = await yard.call("download-model", { job_id: jobId });
    const inline = Uint8Array.from(atob(String(data["content"])), (character) =>
      character.charCodeAt(0),
    );

    expect(inline).toEqual(bytes);
    expect(data).toMatchObject({
      encoding: "base64",
      size: 100_000,
      sha256: await sha256Hex(bytes),
      metadata: { name: "cats" },
      metadata_source: "safetensors_header",
      training_config: { job: "extension" },
      note: null,
    });
    expect((await yard.fetch(String(data["download_url"]))).status).toBe(200);
  });

  it.each([["cats"], ["cats.safetensors"], ["CATS"]])("finds it by the name %s", async (name) => {
    const { yard, agent } = await withBox();
    const jobId = await finishedJob(yard, agent, new Uint8Array(10));

    const { data } = await yard.call("download-model", { name });
    expect(data).toMatchObject({ job_id: jobId, status: "success", model: "cats" });
    expect(data["data"]).toBe(data["content"]);
  });

  it("[W32] at MCP, as raw, or when it is large, gives the link only", async () => {
    const { yard, agent } = await withBox();
    const jobId = await finishedJob(yard, agent, new Uint8Array(10));
    agent.files.set("cats/large.safetensors", new Uint8Array(limits.inlineFileBytes + 1));
    const mcp = await yard.mcp("download-model", { job_id: jobId, detail: "full" });
    const raw = await yard.call("download-model", { job_id: jobId, encoding: "raw" });
    const large = await yard.call("download-model", { model_path: "cats/large.safetensors" });

    for (const data of [mcp.data, raw.data, large.data]) {
      expect(data).not.toHaveProperty("content");
      expect(data).toMatchObject({ encoding: "raw", download_url: expect.any(String) as string });
    }
    expect(agent.argsOf("send-file")).toEqual([]);
  });

  it("asks the box's own list for a name that no job has", async () => {
    const yard = await createYard();
    const files = fileScript(yard);
    const agent = await connectAgent(yard, {
      ...files,
      tool: () => ({
        data: {
          models: [
            { name: "old.safetensors", path: "outputs/old/old.safetensors", job_name: "old" },
          ],
        },
        text: "",
      }),
    });
    agent.files.set("old/old.safetensors", new Uint8Array(4));

    expect((await yard.call("download-model", { model_name: "old" })).data["path"]).toBe(
      "outputs/old/old.safetensors",
    );
    expect((await yard.call("download-model", { model_name: "new" })).error?.code).toBe(
      "MODEL_NOT_FOUND",
    );
  });

  it("offers nothing without a hash, and nothing that changed while it was read", async () => {
    const yard = await createYard();
    const files = fileScript(yard);
    let hash: string | null = null;
    const agent = await connectAgent(yard, {
      ...files,
      "describe-file": async (args, box) => {
        const described = await files["describe-file"]?.(args, box);
        if (described === undefined) throw new AppError("MODEL_NOT_FOUND", "none");
        return { ...described, sha256: hash };
      },
    });
    agent.files.set("cats/cats.safetensors", new Uint8Array(4));
    const none = await yard.call("download-model", { model_path: "cats/cats.safetensors" });
    hash = "0".repeat(64);
    const other = await yard.call("download-model", { model_path: "cats/cats.safetensors" });

    expect([none.status, none.error?.code]).toEqual([422, "MODEL_CORRUPT"]);
    expect([other.status, other.error?.code]).toEqual([422, "CHECKSUM_MISMATCH"]);
  });
});

describe("export-model", () => {
  async function withExports(change: Partial<OperationValue<"export-model">> = {}) {
    const yard = await createYard();
    const agent = await connectAgent(yard, {
      ...fileScript(yard),
      "export-model": async (args, box) => {
        const segments = args.source.kind === "output" ? args.source.segments : [];
        const bytes = box.files.get(segments.join("/")) ?? new Uint8Array();
        return {
          path: "/comfy/loras/cats.safetensors",
          filename: "cats.safetensors",
          bytes: bytes.byteLength,
          sha256: await sha256Hex(bytes),
          copied: true,
          place: "comfyui",
          sourcePath: `outputs/${segments.join("/")}`,
          ...change,
        };
      },
    });
    return { yard, agent, jobId: await finishedJob(yard, agent, new Uint8Array(2_000)) };
  }

  it.each([
    ["by its job", (jobId: string) => ({ job_id: jobId, format: "safetensors" })],
    ["by its name", () => ({ model_name: "cats" })],
    ["by its path", () => ({ model_path: "/ai-toolkit/outputs/cats/cats.safetensors" })],
  ])("asks the box for a copy of the model, %s", async (_how, args) => {
    const { yard, agent, jobId } = await withExports();
    const { data, text } = await yard.call("export-model", { ...args(jobId), output: "final/" });

    expect(data).toMatchObject({
      status: "success",
      path: "/comfy/loras/cats.safetensors",
      size: 2_000,
      copied: true,
      source_path: "outputs/cats/cats.safetensors",
      note: null,
    });
    expect(agent.argsOf("export-model")).toEqual([
      {
        source: { kind: "output", segments: ["cats", "cats.safetensors"] },
        outputPath: "final/",
        overwrite: false,
      },
    ]);
    expect(text).toContain("ComfyUI");
  });

  it("says that the file is not the one that the training made", async () => {
    const { yard, jobId } = await withExports({ sha256: "0".repeat(64) });

    expect((await yard.call("export-model", { job_id: jobId })).data["note"]).toContain("changed");
  });

  it("on a box without a ComfyUI folder says that nothing was copied", async () => {
    const { yard, jobId } = await withExports({ copied: false, place: "source" });
    const { data, text } = await yard.call("export-model", { job_id: jobId });

    expect(data["note"]).toContain("No ComfyUI folder");
    expect(text).toContain("COMFYUI_MODEL_ROOTS");
  });

  it.each([
    [{ job_id: "job_x", format: "ckpt" }, 422, "UNSAFE_MODEL_FORMAT"],
    [{}, 400, "INVALID_ARGUMENT"],
    [{ model_path: "/etc/passwd" }, 400, "INVALID_MODEL_REF"],
    [{ job_id: "job_x" }, 404, "JOB_NOT_FOUND"],
  ])("refuses %j with %i %s and asks the box nothing", async (args, status, code) => {
    const { yard, agent } = await withExports();
    const answer = await yard.call("export-model", args);

    expect([answer.status, answer.error?.code]).toEqual([status, code]);
    expect(agent.argsOf("export-model")).toEqual([]);
  });
});
