import type { BoxConfig, BoxConfigRow } from "@trainyard/shared/protocol/operations/configs.ts";
import { describe, expect, it } from "vitest";
import { connectAgent, silence } from "../support/scripted-agent.ts";
import type { Script } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";

const document = {
  job: "extension",
  config: {
    name: "theirs",
    process: [
      {
        type: "sd_trainer",
        network: { linear: 8, linear_alpha: 8 },
        datasets: [{ folder_path: "datasets/cats", resolution: [1024] }],
        train: { batch_size: 1, steps: 1_500, lr: 0.0001 },
        model: { name_or_path: "ostris/Flex.1-alpha", arch: "flex1", low_vram: true },
      },
    ],
  },
};

const row = (name: string, change: Partial<BoxConfigRow> = {}): BoxConfigRow => ({
  name,
  origin: "box",
  path: `ai-toolkit/config/${name}.yaml`,
  modifiedAtMs: 1_790_000_000_000,
  trainer: "ai-toolkit",
  model: "ostris/Flex.1-alpha",
  datasetPath: "datasets/cats",
  steps: 1_500,
  problem: null,
  ...change,
});

const file = (change: Partial<BoxConfig> = {}): BoxConfig => ({
  name: "theirs",
  origin: "box",
  path: "ai-toolkit/config/theirs.yaml",
  modifiedAtMs: 1_790_000_000_000,
  document,
  problem: null,
  ...change,
});

const box: Script = {
  "list-configs": () => ({
    configs: [
      row("theirs"),
      row("broken", { trainer: null, model: null, problem: "YAML_TAG_REFUSED" }),
      row("mine"),
    ],
    more: false,
  }),
  "read-config": ({ name }) => ({
    config:
      name.toLowerCase() === "theirs"
        ? file()
        : name === "broken"
          ? file({
              name: "broken",
              document: null,
              problem: {
                code: "YAML_TAG_REFUSED",
                severity: "error",
                message: "A tag that makes something else than plain data stands in line 1.",
                fix: "Remove it.",
              },
            })
          : null,
  }),
};

describe("configs that lie on the box", () => {
  it("are listed with their origin beside the saved ones, live and when the box is off", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, box);
    await yard.call("create-training-config", {
      name: "Mine",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const live = await yard.call("list-configs");
    await agent.close();
    const off = await yard.call("list-configs");

    expect(live.data["configs"]).toEqual(["broken", "mine", "theirs"]);
    expect(
      live.data["items"].map((item: Record<string, unknown>) => [
        item["name"],
        item["origin"],
        item["connectivity"],
        item["problem"],
      ]),
    ).toEqual([
      ["broken", "box", "live", "YAML_TAG_REFUSED"],
      ["Mine", "edge", undefined, undefined],
      ["mine", "box", "live", undefined],
      ["theirs", "box", "live", undefined],
    ]);
    expect(live.text).toContain("3 of them files of a box");
    expect(off.data["items"].at(-1)).toMatchObject({ name: "theirs", connectivity: "stale" });
    expect(off.data["items"].at(-1).observed_at).toEqual(expect.any(String));
  });

  it("are read, validated and started by name; a saved one of that name comes first", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, box);
    const got = await yard.call("get-config", { name: "config/theirs.yaml" });
    const valid = await yard.call("validate-training-config", { config_name: "theirs" });
    const started = await yard.call("start-training", { config_name: "THEIRS" });
    await yard.call("create-training-config", {
      name: "theirs",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const saved = await yard.call("get-config", { name: "theirs" });

    expect(got.data).toMatchObject({
      name: "theirs",
      origin: "box",
      path: "ai-toolkit/config/theirs.yaml",
      agent_id: agent.agentId,
      connectivity: "live",
      config: document,
    });
    expect(got.data["yaml"]).toContain("sd_trainer");
    expect(valid.data["valid"]).toBe(true);
    expect(started.data).toMatchObject({ config_name: "theirs", trainer: "ai-toolkit" });
    expect(saved.data).toMatchObject({ origin: "edge", trainer: "tiny" });
  });

  it("are read from what was seen last while the box is off", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, box);
    await yard.call("get-config", { name: "theirs" });
    await agent.close();
    const { data } = await yard.call("get-config", { name: "theirs" });

    expect(data).toMatchObject({ connectivity: "stale", config: document });
  });

  it("that are no configs are refused with why, and delete nothing that is not ours", async () => {
    const yard = await createYard();
    await connectAgent(yard, box);
    const broken = await yard.call("get-config", { name: "broken" });
    const started = await yard.call("start-training", { config_name: "broken" });
    const deleted = await yard.call("delete-config", { name: "theirs" });

    expect([broken.status, broken.error?.code]).toEqual([422, "YAML_TAG_REFUSED"]);
    expect(started.error?.code).toBe("YAML_TAG_REFUSED");
    expect([deleted.status, deleted.error?.code]).toEqual([409, "CONFIG_ON_BOX"]);
    expect(deleted.error?.details["path"]).toBe("ai-toolkit/config/theirs.yaml");
    expect((await yard.call("list-training-jobs")).data["count"]).toBe(0);
  });

  it("hold up no list when the box is silent, or of a release before", async () => {
    const silent = await createYard();
    await connectAgent(silent, { "list-configs": () => silence });
    const older = await createYard();
    await connectAgent(older, {}, { capabilities: { operations: ["preflight"] } });

    expect((await silent.call("list-configs")).data["count"]).toBe(0);
    expect((await older.call("list-configs")).data["count"]).toBe(0);
    expect((await older.call("get-config", { name: "x" })).error?.code).toBe("CONFIG_NOT_FOUND");
  });

  it("that would reach beyond the job are not started, whoever wrote them", async () => {
    const yard = await createYard();
    const unsafe = structuredClone(document);
    unsafe.config.process[0]!.model.name_or_path = "evil.ckpt";
    await connectAgent(yard, {
      ...box,
      "read-config": () => ({ config: file({ document: unsafe }) }),
    });
    const { error } = await yard.call("start-training", { config_name: "theirs" });

    expect(error?.code).toBe("UNSAFE_MODEL_FORMAT");
  });
});

describe("delete-config", () => {
  const draft = { model_name: "tiny", dataset_path: "cats" };

  it("[W34] moves to the trash, brings back, and purges only when the name is said again", async () => {
    const yard = await createYard();
    const saved = await yard.call("create-training-config", { ...draft, name: "A" });
    const deleted = await yard.call("delete-config", { name: "config/a.yaml" });
    const gone = await yard.call("get-config", { name: "a" });
    const again = await yard.call("delete-config", { name: "a" });
    const back = await yard.call("delete-config", { name: "a", restore: true });
    const config = await yard.call("get-config", { name: "a" });
    const unconfirmed = await yard.call("delete-config", { name: "a", purge: true });
    const wrong = await yard.call("delete-config", { name: "a", purge: true, confirm: "b" });
    const purged = await yard.call("delete-config", { name: "A", purge: true, confirm: "A" });
    const never = await yard.call("delete-config", { name: "a", restore: true });

    expect(deleted.data).toMatchObject({
      success: true,
      deleted: "A",
      purged: false,
      already_deleted: false,
      jobs: 0,
    });
    const days = (Date.parse(deleted.data["restorable_until"]) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(7);
    expect([gone.status, gone.error?.code]).toEqual([404, "CONFIG_NOT_FOUND"]);
    expect(again.data).toMatchObject({ already_deleted: true });
    expect(back.data).toMatchObject({ restored: "A", deleted: null });
    expect(config.data["config"]).toEqual(saved.data["config"]);
    for (const { status, error } of [unconfirmed, wrong]) {
      expect([status, error?.code]).toEqual([400, "CONFIRM_REQUIRED"]);
    }
    expect(purged.data).toMatchObject({ purged: true, restorable_until: null });
    expect([never.status, never.error?.code]).toEqual([404, "CONFIG_NOT_FOUND"]);
    expect((await yard.call("list-configs")).data["count"]).toBe(0);
  });

  it("overwrites nothing when it brings back, and keeps several of one name", async () => {
    const yard = await createYard();
    await yard.call("create-training-config", { ...draft, name: "a", steps: 10 });
    await yard.call("delete-config", { name: "a" });
    await yard.call("create-training-config", { ...draft, name: "a", steps: 20 });
    const taken = await yard.call("delete-config", { name: "a", restore: true });
    await yard.call("delete-config", { name: "a" });
    const steps = async () => {
      await yard.call("delete-config", { name: "a", restore: true });
      const { data } = await yard.call("get-config", { name: "a" });
      return data["config"].config.process[0].train.steps as number;
    };
    const newest = await steps();
    const still = await yard.call("delete-config", { name: "a", restore: true });

    expect([taken.status, taken.error?.code]).toEqual([409, "CONFIG_EXISTS"]);
    expect(newest).toBe(20);
    expect(still.error?.code).toBe("CONFIG_EXISTS");
  });

  it("touches no job: each has its own copy, and is said to go on", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard);
    await yard.call("create-training-config", { ...draft, name: "used" });
    const started = await yard.call("start-training", { config_name: "used" });
    const { data, text } = await yard.call("delete-config", { name: "used" });
    const status = await yard.call("get-training-status", { job_id: started.data["job_id"] });

    expect([data["jobs"], text]).toEqual([1, expect.stringContaining("own copy")]);
    expect(status.data["config_snapshot"]).toMatchObject({ config: { name: "used" } });
    expect(agent.argsOf("stop-attempt")).toEqual([]);
  });

  it.each([
    [{ name: "nothing" }, 404, "CONFIG_NOT_FOUND"],
    [{ name: "../x" }, 400, "INVALID_NAME"],
    [{ name: "a", restore: true, purge: true, confirm: "a" }, 400, "INVALID_ARGUMENT"],
  ])("refuses %j with %i %s", async (args, status, code) => {
    const yard = await createYard();
    const answer = await yard.call("delete-config", args);

    expect([answer.status, answer.error?.code]).toEqual([status, code]);
    expect(answer.error?.hint).toBeTruthy();
  });

  it("needs the scope admin, under every name", async () => {
    const yard = await createYard();

    expect((await yard.call("delete_config", { config: "a" }, "train")).error?.code).toBe(
      "INSUFFICIENT_SCOPE",
    );
  });
});
