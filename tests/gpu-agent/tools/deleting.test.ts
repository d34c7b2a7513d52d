import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import { openSource } from "../../../gpu-agent/files/file-source.ts";
import { startTrashSweep } from "../../../gpu-agent/files/trash-sweep.ts";
import { liveUse, openBoxContext } from "../support/box-context.ts";
import { temporaryFolder } from "../support/temporary-home.ts";
import { until } from "../support/waiting.ts";

function boxWithThings() {
  const box = openBoxContext();
  for (const name of ["cats", "My Photos"]) {
    mkdirSync(join(box.home.datasets, name));
    writeFileSync(join(box.home.datasets, name, "a.png"), "x");
  }
  for (const name of ["lora", "other"]) {
    mkdirSync(join(box.home.outputs, name, "samples"), { recursive: true });
    writeFileSync(join(box.home.outputs, name, `${name}.safetensors`), "x");
    writeFileSync(join(box.home.outputs, name, `${name}_000000100.safetensors`), "x");
  }
  mkdirSync(join(box.home.outputs, "reports"));
  const has = (path: string): boolean => existsSync(join(box.home.root, path));
  return { ...box, has };
}

describe("delete-dataset", () => {
  test("[W34] keeps a week what it takes, and undo brings it back", async () => {
    const { call, has, time, home, context } = boxWithThings();

    const answer = await call("delete-dataset", { dataset_path: "/ai-toolkit/datasets/cats" });

    expect(answer).toMatchObject({
      success: true,
      deleted: "cats",
      path: "datasets/cats",
      purged: false,
      already_deleted: false,
      restorable_until: new Date(time.now() + limits.trashKeepMs).toISOString(),
    });
    expect(has("datasets/cats")).toBe(false);
    const sweep = startTrashSweep({ home, time, log: context.log });
    await until(() => time.pending() > 0, "the first sweep");
    expect(await call("undo-dataset-change", { change_id: answer["change_id"] })).toMatchObject({
      kind: "deletion",
      path: "datasets/cats",
      already_undone: false,
    });
    expect(has("datasets/cats/a.png")).toBe(true);
    sweep.close();
  });

  test("is swept daily, and gone after a week", async () => {
    const { call, refusal, time, home, context } = boxWithThings();
    const { change_id } = await call("delete-dataset", { dataset_path: "cats" });
    const sweep = startTrashSweep({ home, time, log: context.log });

    for (let day = 0; day < 6; day += 1) {
      await until(() => time.pending() > 0, "a sweep");
      await time.advance(limits.trashSweepMs);
    }
    await until(() => time.pending() > 0, "a sweep");
    expect((await call("undo-dataset-change"))["count"]).toBe(1);
    await time.advance(limits.trashSweepMs);
    await until(() => time.pending() > 0, "the last sweep");

    expect((await refusal("undo-dataset-change", { change_id })).code).toBe("CHANGE_NOT_FOUND");
    sweep.close();
  });

  test("[C4] called twice is done once, in either direction", async () => {
    const { call, has } = boxWithThings();
    const first = await call("delete-dataset", { dataset_path: "cats" });
    const second = await call("delete-dataset", { dataset_path: "cats" });

    expect(second).toMatchObject({ change_id: first["change_id"], already_deleted: true });
    await call("undo-dataset-change", { change_id: first["change_id"] });
    const again = await call("undo-dataset-change", { change_id: first["change_id"] });
    expect(again["already_undone"]).toBe(true);
    expect(has("datasets/cats/a.png")).toBe(true);
  });

  test("purges only with the name said again, and past recall", async () => {
    const { call, refusal, has, home } = boxWithThings();
    for (const confirm of [undefined, "", "dogs", "Cats"]) {
      const args = { dataset_path: "cats", purge: true, ...(confirm ? { confirm } : {}) };
      expect((await refusal("delete-dataset", args)).code).toBe("CONFIRM_REQUIRED");
    }
    expect(has("datasets/cats/a.png")).toBe(true);

    const args = { dataset_path: "cats", purge: true, confirm: "cats" };
    expect(await call("delete-dataset", args)).toMatchObject({ purged: true, change_id: null });

    expect(has("datasets/cats")).toBe(false);
    expect(readdirSync(join(home.datasets, ".trash"))).toEqual([]);
    expect((await refusal("delete-dataset", args)).code).toBe("DATASET_NOT_FOUND");
  });

  test("purges what lies in the trash already: a full disk has to be emptied", async () => {
    const { call, home } = boxWithThings();
    await call("delete-dataset", { dataset_path: "cats" });

    await call("delete-dataset", { dataset_path: "cats", purge: true, confirm: "cats" });

    expect(readdirSync(join(home.datasets, ".trash"))).toEqual([]);
  });

  test("takes a folder whose name was there before us", async () => {
    const { call, has } = boxWithThings();
    const { datasets } = await call("list-datasets");
    expect(datasets.map(({ name }: { name: string }) => name)).toEqual(["My Photos", "cats"]);

    await call("delete-dataset", { dataset_path: "datasets/My Photos" });

    expect(has("datasets/My Photos")).toBe(false);
  });

  test.each([
    ["../../etc", "INVALID_NAME"],
    ["a/b", "INVALID_NAME"],
    ["a\\b", "INVALID_NAME"],
    ["a%2fb", "INVALID_NAME"],
    ["CON", "RESERVED_NAME"],
    ["cats ", "INVALID_NAME"],
    ["cats\u200d", "INVALID_NAME"],
    ["x".repeat(300), "NAME_TOO_LONG"],
    [".trash", "INVALID_NAME"],
    ["/etc", "INVALID_NAME"],
    ["dogs", "DATASET_NOT_FOUND"],
  ])("refuses %j as %s and changes nothing", async (dataset_path, wanted) => {
    const { refusal, has } = boxWithThings();

    expect((await refusal("delete-dataset", { dataset_path })).code).toBe(wanted);
    expect(has("datasets/cats/a.png") && has("datasets/My Photos/a.png")).toBe(true);
  });

  test("does not follow a link", async () => {
    const { refusal, home } = boxWithThings();
    const outside = temporaryFolder();
    writeFileSync(join(outside, "a.png"), "x");
    symlinkSync(outside, join(home.datasets, "link"));

    for (const more of [{}, { purge: true, confirm: "link" }]) {
      const { code } = await refusal("delete-dataset", { dataset_path: "link", ...more });
      expect(code).toBe("PATH_ESCAPE");
    }
    expect(readdirSync(outside)).toEqual(["a.png"]);
  });
});

describe("[W34] a job that lives", () => {
  test.each([
    ["datasets/cats"],
    ["/ai-toolkit/datasets/cats"],
    ["cats"],
    ["CATS"],
    ["HOME/datasets/cats"],
    ["HOME/datasets/cats/inside"],
    ["HOME/datasets"],
  ])("that reads %s keeps it in its place, also from a purge", async (folder) => {
    const { refusal, call, live, home, has } = boxWithThings();
    const folder_path = folder.replace("HOME", home.root);
    live.push(liveUse("some", { datasets: [{ folder_path: "else" }, { folder_path }] }));

    for (const more of [{}, { purge: true, confirm: "cats" }]) {
      const refused = await refusal("delete-dataset", { dataset_path: "cats", ...more });
      expect(refused.code).toBe("IN_USE");
      expect(refused.details).toMatchObject({ job_name: "some" });
    }
    expect(has("datasets/cats/a.png")).toBe(true);
    live.length = 0;
    await call("delete-dataset", { dataset_path: "cats" });
  });

  test("counts its masks and controls too, and nothing that only looks alike", async () => {
    const { refusal, call, live } = boxWithThings();
    live.push(liveUse("some", { datasets: [{ control_path: ["datasets/cats"] }] }));
    expect((await refusal("delete-dataset", { dataset_path: "cats" })).code).toBe("IN_USE");
    live[0] = liveUse("some", {
      datasets: [{ folder_path: "datasets/cats2" }],
      sample: { prompts: ["cats", "a photo of datasets"] },
    });

    await call("delete-dataset", { dataset_path: "cats" });
  });

  test("keeps its own folder, and the model that it begins from", async () => {
    const { refusal, call, live } = boxWithThings();
    live.push(
      liveUse("lora", {
        network: { pretrained_lora_path: "outputs/other/other.safetensors" },
      }),
    );

    for (const model_path of ["lora", "lora/lora.safetensors", "other", "other/other.safetensors"])
      expect((await refusal("delete-model", { model_path })).code).toBe("IN_USE");
    await call("delete-model", { model_path: "other/other_000000100.safetensors" });
  });
});

describe("delete-model", () => {
  test.each([
    ["lora", "outputs/lora"],
    ["outputs/lora", "outputs/lora"],
    ["/ai-toolkit/outputs/lora/lora.safetensors", "outputs/lora/lora.safetensors"],
    ["lora_000000100", "outputs/lora/lora_000000100.safetensors"],
    ["lora_000000100.safetensors", "outputs/lora/lora_000000100.safetensors"],
  ])("takes %s for %s and gives it back", async (model_path, path) => {
    const { call, has } = boxWithThings();

    const answer = await call("delete-model", { model_path });

    expect(answer).toMatchObject({ path, already_deleted: false });
    expect(has(path)).toBe(false);
    expect(has("outputs/other/other.safetensors")).toBe(true);
    await call("undo-dataset-change", { change_id: answer["change_id"] });
    expect(has(path)).toBe(true);
  });

  test.each(["lora", "lora/lora.safetensors"])(
    "says of a file that went with %s where it is and how it comes back",
    async (model_path) => {
      const { call, home, time } = boxWithThings();
      const open = (name: string) =>
        openSource(home, { kind: "output", segments: ["lora", name] }, (folder) => ({
          root: home.outputs,
          folder,
        }));
      const { change_id } = await call("delete-model", { model_path });

      const until = new Date(time.now() + limits.trashKeepMs).toISOString();
      expect(() => open("lora.safetensors")).toThrow(
        expect.objectContaining({
          code: "NOT_FOUND",
          message: `That was deleted and lies in the box's trash until ${until.slice(0, 10)}.`,
          hint: `undo-dataset-change with the change_id ${String(change_id)} brings it back.`,
          details: { change_id, restorable_until: until },
        }),
      );
      expect(() => open("never.safetensors")).toThrow("There is no such file on the box.");
      await call("undo-dataset-change", { change_id });
      open("lora.safetensors").close();
    },
  );

  test("does not guess between two", async () => {
    const { refusal, home } = boxWithThings();
    writeFileSync(join(home.outputs, "other", "same.safetensors"), "x");
    writeFileSync(join(home.outputs, "lora", "same.safetensors"), "x");

    const refused = await refusal("delete-model", { model_path: "same" });

    expect(refused.code).toBe("INVALID_ARGUMENT");
    expect(refused.details?.["candidates"]).toHaveLength(2);
  });

  test.each([
    ["reports", "MODEL_NOT_FOUND"],
    ["lora/samples", "MODEL_NOT_FOUND"],
    ["nothing", "MODEL_NOT_FOUND"],
    ["/etc/passwd", "INVALID_MODEL_REF"],
    ["lora/../../identity.json", "PATH_ESCAPE"],
    ["\\\\host\\share", "INVALID_MODEL_REF"],
    ["file:///x", "INVALID_MODEL_REF"],
  ])("refuses %j as %s and changes nothing", async (model_path, wanted) => {
    const { refusal, has } = boxWithThings();

    expect((await refusal("delete-model", { model_path })).code).toBe(wanted);
    expect(has("outputs/lora/samples") && has("outputs/reports")).toBe(true);
  });

  test("takes the folder of a job of ours that made no model", async () => {
    const { call, home, jobs, has } = boxWithThings();
    mkdirSync(join(home.outputs, "failed"));
    jobs.set("failed", "job_1");

    await call("delete-model", { model_path: "failed" });

    expect(has("outputs/failed")).toBe(false);
  });
});

describe("undo-dataset-change", () => {
  test("lists what can be taken back, newest first, of one dataset or of all", async () => {
    const { call, time } = boxWithThings();
    await call("delete-dataset", { dataset_path: "cats" });
    await time.advance(1_000);
    await call("delete-model", { model_path: "lora" });

    const all = await call("undo-dataset-change");
    const one = await call("undo-dataset-change", { dataset_path: "cats" });

    expect(all["changes"].map((change: { path: string }) => change.path)).toEqual([
      "outputs/lora",
      "datasets/cats",
    ]);
    expect(one).toMatchObject({ count: 1, changes: [{ kind: "deletion", undone: false }] });
  });

  test.each([["change_x"], ["../../etc"], ["change_00000000000000000000000000"]])(
    "knows no change %j",
    async (change_id) => {
      const { refusal } = boxWithThings();
      expect((await refusal("undo-dataset-change", { change_id })).code).toBe("CHANGE_NOT_FOUND");
    },
  );
});
