import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { listComfyuiModels } from "@trainyard/shared/tools/list-comfyui-models.ts";
import { listExportedModels } from "@trainyard/shared/tools/list-exported-models.ts";
import { operationHandlers } from "../../gpu-agent/operations/handlers.ts";
import { safetensors } from "../support/safetensors.ts";
import { openBox } from "./support/operation-box.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

const bytes = safetensors(randomBytes(200_000));
const sha256 = createHash("sha256").update(bytes).digest("hex");

async function box(options: { comfyui?: readonly string[]; live?: readonly string[] } = {}) {
  const { home, context } = await openBox(undefined, {
    live: options.live ?? [],
    outputs: { cats: "job_cats", dogs: "job_dogs" },
  });
  writeFileSync(home.policy, JSON.stringify({ comfyui_roots: options.comfyui ?? [] }));
  mkdirSync(join(home.outputs, "cats"));
  const source = join(home.outputs, "cats", "cats.safetensors");
  writeFileSync(source, bytes);
  const run = (change: Partial<OperationArgs<"export-model">> = {}) =>
    operationHandlers["export-model"](
      {
        source: { kind: "output", segments: ["cats", "cats.safetensors"] },
        outputPath: null,
        overwrite: false,
        ...change,
      },
      context,
    );
  return { home, context, source, run };
}

describe("an export into ComfyUI's folder", () => {
  it.each(["loras", "Lora"])("goes where ComfyUI looks: %s", async (folder) => {
    const bare = temporaryFolder();
    const root = temporaryFolder();
    mkdirSync(join(root, folder));
    const { run, source } = await box({ comfyui: [join(bare, "none"), bare, root] });
    const target = join(root, folder, "cats.safetensors");

    expect(await run()).toEqual({
      path: target,
      filename: "cats.safetensors",
      bytes: bytes.byteLength,
      sha256,
      copied: true,
      place: "comfyui",
      sourcePath: "outputs/cats/cats.safetensors",
    });
    expect(readFileSync(target).equals(bytes)).toBe(true);
    expect(readFileSync(source).equals(bytes)).toBe(true);
    expect(readdirSync(join(root, folder))).toEqual(["cats.safetensors"]);
    expect(await run()).toMatchObject({ copied: false, path: target });
  });

  it("makes the folder in the first root where none has it", async () => {
    const root = temporaryFolder();
    const { run } = await box({ comfyui: [root] });

    expect((await run()).path).toBe(join(root, "loras", "cats.safetensors"));
  });

  it("never replaces another file unasked, and then at once and whole", async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "loras"));
    const target = join(root, "loras", "cats.safetensors");
    writeFileSync(target, "older");
    const { run } = await box({ comfyui: [root] });

    await expect(run()).rejects.toMatchObject({ code: "NAME_CONFLICT" });
    expect(readFileSync(target, "utf8")).toBe("older");
    expect(await run({ overwrite: true })).toMatchObject({ copied: true });
    expect(readFileSync(target).equals(bytes)).toBe(true);
  });

  it("called twice at once copies once", async () => {
    const { run } = await box({ comfyui: [temporaryFolder()] });

    const copied = (await Promise.all([run(), run()])).map((placed) => placed.copied);

    expect(copied).toEqual([true, false]);
  });

  it("takes a path inside a root, on a link to another root too", async () => {
    const root = temporaryFolder();
    const disk = temporaryFolder();
    symlinkSync(disk, join(root, "loras"));
    const { run } = await box({ comfyui: [root, disk] });

    expect((await run({ outputPath: join(root, "loras", "flux", "a") })).path).toBe(
      join(disk, "flux", "a.safetensors"),
    );
    expect((await run({ outputPath: `${root}/loras/` })).path).toBe(join(disk, "cats.safetensors"));
  });

  it("with a link that leads out of the roots is refused", async () => {
    const root = temporaryFolder();
    const elsewhere = temporaryFolder();
    symlinkSync(elsewhere, join(root, "loras"));
    const { run } = await box({ comfyui: [root] });

    await expect(run()).rejects.toMatchObject({ code: "PATH_ESCAPE" });
    expect(readdirSync(elsewhere)).toEqual([]);
  });
});

describe("an export below the outputs", () => {
  it.each([
    ["my_style.safetensors", "outputs/my_style.safetensors"],
    ["outputs/my_style.safetensors", "outputs/my_style.safetensors"],
    ["/ai-toolkit/outputs/my_style.safetensors", "outputs/my_style.safetensors"],
    ["/ai-toolkit/output/final/my_style", "outputs/final/my_style.safetensors"],
    ["final/", "outputs/final/cats.safetensors"],
    ["/ai-toolkit/outputs/", "outputs/cats.safetensors"],
  ])("to %s lies at %s", async (outputPath, shown) => {
    const { run, home } = await box();

    expect(await run({ outputPath })).toMatchObject({
      path: shown,
      copied: true,
      place: "outputs",
    });
    expect(readFileSync(join(home.root, shown)).equals(bytes)).toBe(true);
  });

  it("[W26] onto itself leaves the file as it is, by whatever name", async () => {
    const { run, home, source } = await box();
    mkdirSync(join(home.outputs, "twin"));
    linkSync(source, join(home.outputs, "twin", "linked.safetensors"));
    const before = statSync(source);

    for (const outputPath of [
      "outputs/cats/cats.safetensors",
      "cats",
      "/ai-toolkit/outputs/cats/",
      "twin/linked.safetensors",
    ]) {
      expect(await run({ outputPath, overwrite: true })).toMatchObject({ copied: false });
    }
    expect(readFileSync(source).equals(bytes)).toBe(true);
    expect(statSync(source)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  });

  it("into the folder of a running job is refused", async () => {
    const { run } = await box({ live: ["job_dogs"] });

    await expect(run({ outputPath: "dogs/x.safetensors" })).rejects.toMatchObject({
      code: "NAME_CONFLICT",
      details: { job_id: "job_dogs" },
    });
  });

  it.each([
    ["/etc/cats.safetensors", "PATH_ESCAPE"],
    ["../cats.safetensors", "PATH_ESCAPE"],
    ["outputs/../../cats.safetensors", "PATH_ESCAPE"],
    ["/ai-toolkit/outputs/../x", "PATH_ESCAPE"],
    ["/ai-toolkit/datasets/x.safetensors", "PATH_ESCAPE"],
    ["a\0b", "PATH_ESCAPE"],
    ["a/.hidden.safetensors", "INVALID_FILENAME"],
    ["a/nul.safetensors", "RESERVED_FILENAME"],
    ["x.ckpt", "UNSAFE_MODEL_FORMAT"],
    ["x.pt", "UNSAFE_MODEL_FORMAT"],
    ["a/b/c/d/e/f/g/h/i", "INVALID_NAME"],
  ])("to %j is refused as %s, and nothing is written", async (outputPath, code) => {
    const { run, home } = await box({ comfyui: [temporaryFolder()] });

    await expect(run({ outputPath })).rejects.toMatchObject({ code });
    expect(readdirSync(home.outputs)).toEqual(["cats"]);
    expect(readdirSync(join(home.outputs, "cats"))).toEqual(["cats.safetensors"]);
  });
});

describe("what is no model", () => {
  it("[B24] [B25] is not exported", async () => {
    const comfyui = temporaryFolder();
    const { run, home } = await box({ comfyui: [comfyui] });
    writeFileSync(join(home.outputs, "cats", "cut.safetensors"), bytes.subarray(0, 1_000));
    const huge = Buffer.alloc(16);
    huge.writeBigUInt64LE(2n ** 63n);
    writeFileSync(join(home.outputs, "cats", "huge.safetensors"), huge);
    writeFileSync(join(home.outputs, "cats", "old.ckpt"), "pickle");
    const from = (name: string) => run({ source: { kind: "output", segments: ["cats", name] } });

    await expect(from("cut.safetensors")).rejects.toMatchObject({ code: "MODEL_CORRUPT" });
    await expect(from("huge.safetensors")).rejects.toMatchObject({ code: "MODEL_CORRUPT" });
    await expect(from("old.ckpt")).rejects.toMatchObject({ code: "UNSAFE_MODEL_FORMAT" });
    await expect(from("none.safetensors")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(readdirSync(comfyui)).toEqual([]);
  });

  it("a box without a ComfyUI folder says where the model is", async () => {
    const { run } = await box();

    expect(await run()).toMatchObject({
      copied: false,
      place: "source",
      path: "outputs/cats/cats.safetensors",
      sha256,
    });
  });
});

describe("list-comfyui-models", () => {
  it("lists what is there, by name or path, with the roots that are missing", async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "checkpoints"));
    mkdirSync(join(root, "loras"));
    writeFileSync(join(root, "checkpoints", "flux1-dev.safetensors"), "12345");
    writeFileSync(join(root, "loras", "cats.gguf"), "1");
    writeFileSync(join(root, "top.pth"), "1");
    const missing = join(root, "none");
    const { context } = await box({ comfyui: [root] });
    vi.stubEnv("COMFYUI_MODEL_ROOTS", missing);
    const list = async (given: Record<string, unknown>) => {
      const { data, text } = await operationHandlers.tool(
        { tool: "list-comfyui-models", arguments: given },
        context,
      );
      return { ...listComfyuiModels.output.parse(data), text };
    };

    const all = await list({ detail: "full" });
    expect(all.models.map(({ folder, name, size }) => [folder, name, size])).toEqual([
      ["checkpoints", "flux1-dev.safetensors", 5],
      ["loras", "cats.gguf", 1],
      ["", "top.pth", 1],
    ]);
    expect(all.roots).toEqual([
      { path: root, exists: true },
      { path: missing, exists: false },
    ]);
    expect(all.models[0]?.path).toBe(join(root, "checkpoints", "flux1-dev.safetensors"));
    expect((await list({ query: "CHECKPOINTS" })).count).toBe(1);
    expect(await list({ query: "nothing" })).toMatchObject({ count: 0, models: [] });
    expect(await list({ limit: 1 })).toMatchObject({ count: 3, truncated: true });
    vi.unstubAllEnvs();
  });

  it("says how to name a folder where none is", async () => {
    const { context } = await box();
    const { data, text } = await operationHandlers.tool(
      { tool: "list-comfyui-models", arguments: {} },
      context,
    );

    expect(data).toMatchObject({ models: [], count: 0, roots: [] });
    expect(text).toContain("COMFYUI_MODEL_ROOTS");
  });
});

describe("list-exported-models", () => {
  it("[W27] finds models at any depth, with their job, and without what trainers keep beside them", async () => {
    const { home, context } = await box();
    const put = (path: string): void => {
      mkdirSync(join(home.outputs, path, ".."), { recursive: true });
      writeFileSync(join(home.outputs, path), bytes);
    };
    put("dogs/checkpoint-100/adapter/adapter_model.safetensors");
    put("dogs/optimizer.pt");
    put("dogs/samples/x.safetensors");
    put("flat.gguf");
    symlinkSync("/etc/passwd", join(home.outputs, "out.safetensors"));
    await operationHandlers["describe-file"](
      { source: { kind: "output", segments: ["cats", "cats.safetensors"] }, hash: true },
      context,
    );

    const { data } = await operationHandlers.tool(
      { tool: "list-exported-models", arguments: { detail: "full" } },
      context,
    );
    const { models } = listExportedModels.output.parse(data);

    expect(
      models
        .map((model) => [model.path, model.job_id, model.sha256 ?? null])
        .toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))),
    ).toEqual([
      ["outputs/cats/cats.safetensors", "job_cats", sha256],
      ["outputs/dogs/checkpoint-100/adapter/adapter_model.safetensors", "job_dogs", null],
      ["outputs/flat.gguf", null, null],
    ]);
    expect(existsSync(join(home.outputs, "out.safetensors"))).toBe(true);
  });
});
