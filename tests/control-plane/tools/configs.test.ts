import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";

const yard = await createYard();
const draft = { model_name: "tiny", dataset_path: "cats" };

describe("create-training-config", () => {
  it("saves a config under its name, with the trainer's own defaults", async () => {
    const { data, text } = await yard.call("create-training-config", {
      ...draft,
      name: "tiny-1",
      steps: 50,
    });

    expect(data).toMatchObject({
      config_name: "tiny-1",
      path: "config/tiny-1.yaml",
      created: true,
      overwritten: false,
      trainer: "tiny",
      dataset_path: "datasets/cats",
      steps: 50,
      rank: 32,
      learning_rate: 1e-4,
      resolution: [64],
    });
    expect(text).toContain("run-training-with-guardrails with config_name tiny-1");
  });

  it("keeps what the caller gave, also for the tiny trainer", async () => {
    const { data } = await yard.call("create-training-config", {
      ...draft,
      name: "tiny-2",
      lr: 0.5,
      rank: 16,
      resolution: 512,
    });

    expect(data).toMatchObject({ learning_rate: 0.5, rank: 16, resolution: [512] });
  });

  it("writes AI Toolkit's document for a diffusion model, with its findings", async () => {
    const { data } = await yard.call("create-training-config", {
      name: "flex",
      base_model: "ostris/Flex.1-alpha",
      dataset: "/ai-toolkit/datasets/cats",
      learning_rate: 0.005,
    });

    expect(data).toMatchObject({ trainer: "ai-toolkit", rank: 16, steps: 1_000, created: true });
    expect(data["config"].config.process[0].model).toMatchObject({
      arch: "flex1",
      name_or_path: "ostris/Flex.1-alpha",
    });
    expect(data["findings"]).toContainEqual(
      expect.objectContaining({ code: "LEARNING_RATE_HIGH", severity: "warning" }),
    );
  });

  it("[B6] says when nothing changed, refuses other content, and replaces it when told to", async () => {
    const again = await yard.call("create-training-config", {
      ...draft,
      name: "tiny-1",
      steps: 50,
    });
    const other = await yard.call("create-training-config", {
      ...draft,
      name: "tiny-1",
      steps: 60,
    });
    const alike = await yard.call("create-training-config", {
      ...draft,
      name: "TINY-1",
      steps: 60,
      overwrite: true,
    });
    const replaced = await yard.call("create-training-config", {
      ...draft,
      name: "tiny-1",
      steps: 60,
      overwrite: true,
    });

    expect(again.data).toMatchObject({ created: false, overwritten: false });
    expect([other.status, other.error?.code]).toEqual([409, "CONFIG_EXISTS"]);
    expect([alike.status, alike.error?.code]).toEqual([409, "NAME_CONFLICT"]);
    expect(alike.error?.message).toContain("tiny-1");
    expect((await yard.call("list-configs")).data["configs"]).not.toContain("Tiny-1");
    expect(replaced.data).toMatchObject({ created: false, overwritten: true, steps: 60 });
  });

  it.each([
    [{ name: "../x" }, 400, "INVALID_NAME"],
    [{ name: "a b" }, 400, "INVALID_NAME"],
    [{ name: "x".repeat(65) }, 400, "NAME_TOO_LONG"],
    [{ name: "nul" }, 400, "RESERVED_NAME"],
    [{ name: "aux." }, 400, "RESERVED_NAME"],
    [{ name: "a%2fb" }, 400, "INVALID_NAME"],
    [{ name: "x " }, 400, "INVALID_NAME"],
    [{ name: "a\u200db" }, 400, "INVALID_NAME"],
    [{ name: "a\u202eb" }, 400, "INVALID_NAME"],
    [{ name: "[name]" }, 400, "INVALID_NAME"],
    [{ name: 'a"b' }, 400, "INVALID_NAME"],
    [{ name: "a/b" }, 400, "INVALID_NAME"],
    [{ name: "a\\b" }, 400, "INVALID_NAME"],
    [{ dataset_path: "../../etc" }, 400, "INVALID_NAME"],
    [{ dataset_path: "datasets/../../etc" }, 400, "INVALID_NAME"],
    [{ dataset_path: "/etc" }, 400, "INVALID_NAME"],
    [{ trigger_word: "${HF_TOKEN}" }, 422, "PLACEHOLDER_REFUSED"],
    [{ test_prompts: ["a [name] b"] }, 422, "PLACEHOLDER_REFUSED"],
    [{ model_name: "../../models/x.safetensors" }, 400, "INVALID_MODEL_REF"],
    [{ model_name: "\\\\host\\share" }, 400, "INVALID_MODEL_REF"],
    [{ model_name: "file:///etc/passwd" }, 400, "INVALID_MODEL_REF"],
    [{ model_name: "x.ckpt" }, 422, "UNSAFE_MODEL_FORMAT"],
    [{ model_name: "x.pt" }, 422, "UNSAFE_MODEL_FORMAT"],
    [{ model_name: undefined }, 400, "INVALID_ARGUMENT"],
    [{ dataset_path: undefined }, 400, "INVALID_ARGUMENT"],
    [{ control_path: "../x" }, 400, "INVALID_NAME"],
    [{ model_name: "black-forest-labs/FLUX.1-dev.safetensors" }, 422, "CONFIG_INVALID"],
    [{ name: "config" }, 422, "CONFIG_INVALID"],
    [{ steps: 0 }, 400, "INVALID_ARGUMENT"],
    [{ steps: 1e12 }, 400, "INVALID_ARGUMENT"],
    [{ steps: -1 }, 400, "INVALID_ARGUMENT"],
    [{ steps: "1000" }, 400, "INVALID_ARGUMENT"],
    [{ steps: "many" }, 400, "INVALID_ARGUMENT"],
    [{ ["__proto__"]: 1 }, 400, "UNKNOWN_KEY"],
    [{ constructor: 1 }, 400, "UNKNOWN_KEY"],
    [{ stepz: 5 }, 400, "UNKNOWN_KEY"],
  ])(
    "[W20] [W33] [B1] [B2] [B3] [B4] [B5] [B14] [B16] [B17] [B20] [B21] [B22] [B24] refuses %j with %i %s and writes nothing",
    async (change, status, code) => {
      const before = (await yard.call("list-configs")).data["count"];
      const answer = await yard.call("create-training-config", {
        ...draft,
        name: "refused",
        ...change,
      });

      expect([answer.status, answer.error?.code]).toEqual([status, code]);
      expect(answer.error?.hint).toBeTruthy();
      expect((await yard.call("list-configs")).data["count"]).toBe(before);
    },
  );

  it("[B16] names the key of a placeholder and not what stands there", async () => {
    const { error } = await yard.call("create-training-config", {
      ...draft,
      name: "x",
      trigger_word: "${SECRET_KEY}",
    });

    expect(error?.details["field"]).toBe("config.process[0].trigger_word");
    expect(JSON.stringify(error)).not.toContain("SECRET_KEY");
  });
});

describe("create-training-config with a whole document", () => {
  const yaml = `job: extension
config:
  name: someone-elses
  process:
    - type: sd_trainer
      network: {linear: 8, linear_alpha: 8}
      datasets: [{folder_path: /ai-toolkit/datasets/cats, resolution: [1024]}]
      train: {batch_size: 1, steps: 1500, lr: 2e-4}
      model: {name_or_path: ostris/Flex.1-alpha, arch: flex1, low_vram: true}
meta:
  name: "[name]"
  version: "1.0"
`;

  it("saves it under the name it is given, from YAML, JSON or an object", async () => {
    const document = parse(yaml) as Record<string, unknown>;
    for (const [name, config] of [
      ["brought-yaml", yaml],
      ["brought-json", JSON.stringify(document)],
      ["brought", document],
    ] as const) {
      const { data } = await yard.call("create-training-config", { name, config });

      expect(data).toMatchObject({
        created: true,
        steps: 1_500,
        rank: 8,
        learning_rate: 0.0002,
        dataset_path: "/ai-toolkit/datasets/cats",
        model: { requested: "ostris/Flex.1-alpha", resolved: null, source: null },
      });
      expect(data["config"]).toEqual({
        ...document,
        config: { ...(document["config"] as object), name },
      });
    }
  });

  it("gives the earlier systems' own example the keys that AI Toolkit starts by", async () => {
    const { config } = parse(yaml) as { config: { process: Record<string, unknown>[] } };
    const [{ type: _, ...bare } = {}] = config.process;
    const { data } = await yard.call("create-training-config", {
      name: "bare",
      config: { config: { process: [bare] } },
    });

    expect(data["config"]).toMatchObject({
      job: "extension",
      config: { name: "bare", process: [{ type: "diffusion_trainer" }] },
    });
  });

  it.each([
    ["a: !!python/object/apply:os.system [id]", 422, "YAML_TAG_REFUSED", /line 1/],
    [
      `x: &x [1]\n${"y: *x\n".replace("y", "k")}`.replace("*x", `[${"*x,".repeat(21)}]`),
      422,
      "YAML_ALIAS_LIMIT",
      /aliases/,
    ],
    ["config:\n  a: 1\n  a: 2", 422, "YAML_DUPLICATE_KEY", /line 3/],
    [`a: ${"[".repeat(60)}${"]".repeat(60)}`, 400, "JSON_TOO_DEEP", /levels/],
    ["- a list", 422, "CONFIG_INVALID", /INVALID_CONFIG_TYPE/],
    ["{}", 422, "CONFIG_INVALID", /INVALID_CONFIG_ROOT/],
    [
      yaml.replace("type: sd_trainer", "trigger_word: ${HF_TOKEN}"),
      422,
      "PLACEHOLDER_REFUSED",
      /trigger_word/,
    ],
    [
      yaml.replace("type: sd_trainer", "save: {push_to_hub: true}"),
      403,
      "POLICY_DENIED",
      /push_to_hub/,
    ],
    [
      yaml.replace("type: sd_trainer", "save: {hf_repo_id: foreign/repo}"),
      403,
      "POLICY_DENIED",
      /hf_repo_id/,
    ],
    [yaml.replace("steps: 1500", "steps: 1e12"), 422, "CONFIG_INVALID", /INVALID_STEPS/],
    [yaml.replace("steps: 1500", "steps: .nan"), 422, "CONFIG_INVALID", /NOT_A_NUMBER/],
    [yaml.replace("steps: 1500", 'steps: "1500"'), 422, "CONFIG_INVALID", /INVALID_STEPS/],
    [yaml.replace("ostris/Flex.1-alpha", "x.ckpt"), 422, "UNSAFE_MODEL_FORMAT", /name_or_path/],
  ])(
    "[B16] [B18] [B19] [B20] [B21] [B23] [B24] refuses %j and saves nothing",
    async (config, status, code, says) => {
      const answer = await yard.call("create-training-config", { name: "refused", config });

      expect([answer.status, answer.error?.code]).toEqual([status, code]);
      expect(answer.error?.message).toMatch(says);
      expect(answer.error?.hint).toBeTruthy();
      expect((await yard.call("get-config", { name: "refused" })).status).toBe(404);
    },
  );

  it("takes no parameters of a draft beside it", async () => {
    const { error } = await yard.call("create-training-config", {
      name: "x",
      config: {},
      steps: 5,
    });

    expect([error?.code, error?.details["field"]]).toEqual(["INVALID_ARGUMENT", "steps"]);
  });

  it("[B15] keeps a trigger word for a shell as it is written", async () => {
    for (const word of ["$(id)", "`id`", "; rm -rf /", 'a"b']) {
      const { data } = await yard.call("create-training-config", {
        ...draft,
        name: "shell",
        trigger_word: word,
        overwrite: true,
      });
      expect(data["config"].config.process[0].trigger_word).toBe(word);
    }
  });
});

describe("get-config", () => {
  it.each([
    "flex",
    "FLEX",
    "config/flex",
    "configs/flex",
    "/ai-toolkit/config/flex",
    "config/flex.yaml",
    "flex.yml",
  ])("finds a config as %s", async (name) => {
    const { data } = await yard.call("get-config", { name });

    expect(data["name"]).toBe("flex");
    expect(parse(data["yaml"] as string)).toEqual(data["config"]);
  });

  it.each(["../../etc/passwd", "/etc/passwd", "config/../../x", "C:\\x", "\\\\host\\x", 7])(
    "[W20] does not read %j",
    async (name) => {
      const { status, error } = await yard.call("get-config", { name });

      expect([status, error?.code]).toEqual([
        400,
        typeof name === "string" ? "INVALID_NAME" : "INVALID_ARGUMENT",
      ]);
    },
  );

  it("says which name was probably meant", async () => {
    const { error } = await yard.call("get-config", { name: "flux" });

    expect([error?.code, error?.hint]).toEqual([
      "CONFIG_NOT_FOUND",
      expect.stringContaining("flex"),
    ]);
  });
});

const saved = "bare brought brought-json brought-yaml flex shell tiny-1 tiny-2".split(" ");

describe("list-configs", () => {
  it("lists names, and in full what each is", async () => {
    const { data } = await yard.call("list-configs");

    expect(data["configs"]).toEqual(saved);
    expect(data["items"][saved.indexOf("flex")]).toMatchObject({
      name: "flex",
      trainer: "ai-toolkit",
      model: "ostris/Flex.1-alpha",
      dataset_path: "datasets/cats",
      steps: 1_000,
      origin: "edge",
    });
    expect((await yard.call("list-configs", { detail: "concise" })).data).toEqual({
      configs: saved,
      count: saved.length,
    });
  });
});

describe("validate-training-config", () => {
  it("takes a draft, a saved config or a raw one, in this order", async () => {
    const source = async (args: Record<string, unknown>) =>
      (await yard.call("validate-training-config", args)).data["config_context"]
        .config_source as string;

    expect(await source({ ...draft })).toBe("draft_parameters");
    expect(await source({ ...draft, config_name: "flex" })).toBe("saved_config");
    expect(await source({ ...draft, config_name: "flex", config: {} })).toBe("config_argument");
    expect((await yard.call("validate-training-config", {})).error?.code).toBe("INVALID_ARGUMENT");
    expect((await yard.call("validate-training-config", { model_name: "tiny" })).error?.code).toBe(
      "INVALID_ARGUMENT",
    );
  });

  it("reads JSON and YAML text, and calls other text a finding", async () => {
    const codes = async (config: unknown) => {
      const { data, status } = await yard.call("validate-training-config", { config });
      expect(status).toBe(200);
      return (data["errors"] as { code: string }[]).map(({ code }) => code);
    };
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefgh"
      .split("")
      .map((key, at) => `${key}: &${key} [${Array(9).fill(`*${"abcdefg"[at]}`).join(",")}]`)
      .join("\n")}`;

    expect(await codes('{"job": "extension"}')).toEqual(["INVALID_CONFIG_ROOT"]);
    expect(await codes("config:\n  process: []\n")).toEqual(["MISSING_PROCESS"]);
    expect(await codes("just text")).toEqual(["INVALID_CONFIG_TYPE"]);
    expect(await codes("a: [b")).toEqual(["INVALID_CONFIG_TYPE"]);
    expect(await codes(bomb)).toEqual(["YAML_ALIAS_LIMIT"]);
    expect(await codes("")).toEqual(["INVALID_CONFIG_TYPE"]);
  });

  it("shows what the box would refuse, and where the model lies", async () => {
    const own = await createYard();
    const answer = {
      trainer: { found: true, reason: null } as { found: boolean; reason: string | null },
      freeBytes: null,
      datasets: [] as never[],
      problem: {
        code: "MODEL_NOT_FOUND",
        message: "This box has no model of that name.",
        hint: "Give a Hugging Face id.",
        details: { field: "model.name_or_path" },
      } as Record<string, unknown> | null,
      model: { resolved: false, source: null, path: null, partsThere: null } as object,
    };
    await connectAgent(own, { preflight: () => answer as never }, { capabilities: { gpus: [] } });
    const flux = { model_name: "my-flux-mix", dataset_path: "cats", arch: "flux" };
    await own.call("create-training-config", { ...flux, name: "mix" });
    const validate = async () =>
      (await own.call("validate-training-config", { config_name: "mix" })).data;
    const codes = (list: { code: string }[]) => list.map(({ code }) => code);

    const cpu = await validate();
    await own.call("create-training-config", {
      ...flux,
      name: "mix",
      optimizer: "adamw",
      overwrite: true,
    });
    const missing = await validate();
    answer.problem = null;
    answer.model = { resolved: true, source: "model-root", path: "/m/mix", partsThere: false };
    const folder = await validate();
    answer.model = { resolved: true, source: "model-root", path: "/m/mix", partsThere: true };
    answer.trainer = { found: false, reason: "AI Toolkit is not in any usual place." };
    const absent = await validate();

    expect(codes(cpu["errors"])).toEqual(["OPTIMIZER_NEEDS_CUDA"]);
    expect(codes(missing["errors"])).toEqual(["MODEL_NOT_FOUND"]);
    expect(missing["errors"][0].field).toBe("model.name_or_path");
    expect(codes(missing["warnings"])).toContain("MODEL_PATH_UNRESOLVED");
    expect(codes(folder["errors"])).toEqual(["FLUX_MODEL_DIR_INVALID"]);
    expect(folder["normalized_config"].model).toMatchObject({
      resolved_name_or_path: "/m/mix",
      resolution_source: "model-root",
    });
    expect([absent["valid"], codes(absent["warnings"])]).toEqual([
      true,
      expect.arrayContaining(["TRAINER_NOT_FOUND"]),
    ]);
  });

  it("called by its older name, lists sentences as that tool did", async () => {
    const { data } = await yard.call("validate_config", { name: "flex" });
    const raw = await yard.call("validate-config", { config: { config: { process: [{}] } } });

    expect([data["valid"], data["errors"]]).toEqual([true, []]);
    expect(data["warnings"]).toContainEqual(
      expect.stringMatching(/^LEARNING_RATE_HIGH: .+\(config/),
    );
    expect(raw.data["errors"]).toContainEqual(expect.stringMatching(/^MISSING_STEPS: /));
  });

  it("judges a draft's numbers and names as findings, not as refusals", async () => {
    const { data } = await yard.call("validate-training-config", {
      ...draft,
      steps: -5,
      rank: 0,
      name: "a b",
    });
    const saved = await yard.call("validate-training-config", {
      ...draft,
      steps: -5,
      rank: 0,
      batch_size: 1.5,
    });

    expect([data["valid"], data["errors"][0].code]).toEqual([false, "INVALID_NAME"]);
    expect((saved.data["errors"] as { code: string }[]).map(({ code }) => code)).toEqual(
      expect.arrayContaining(["INVALID_STEPS", "INVALID_RANK", "INVALID_BATCH_SIZE"]),
    );
  });

  it("without a box warns that the dataset was not looked at, and is still an answer", async () => {
    const { data } = await yard.call("validate-training-config", draft);

    expect(data["valid"]).toBe(true);
    expect((data["warnings"] as { code: string }[]).map(({ code }) => code)).toContain(
      "DATASET_NOT_CHECKED",
    );
    expect(data["summary"]).toMatchObject({ dataset_checked: false });
  });

  it("asks the box about the dataset when there is one", async () => {
    const own = await createYard();
    const agent = await connectAgent(own, {
      preflight: (args) => ({
        trainer: null,
        freeBytes: null,
        datasets: args.datasets.map((reference) => ({
          reference,
          name: "cats",
          exists: true,
          isDirectory: true,
          images: 10,
          captioned: 4,
          emptyCaptions: 2,
          totalBytes: 5,
          fingerprint: null,
          scanLimited: false,
        })),
      }),
    });
    const { data } = await own.call("validate-training-config", {
      ...draft,
      max_dataset_files: 123,
    });
    const unasked = await own.call("validate-training-config", { ...draft, check_dataset: false });

    expect((data["warnings"] as { code: string }[]).map(({ code }) => code)).toContain(
      "DATASET_LOW_CAPTION_COVERAGE",
    );
    expect(data["normalized_config"].dataset).toMatchObject({
      path: "datasets/cats",
      exists: true,
      stats: {
        total_images: 10,
        caption_missing_count: 6,
        caption_empty_count: 2,
        caption_coverage_pct: 20,
      },
    });
    expect(agent.argsOf("preflight")).toEqual([
      {
        trainer: "tiny",
        datasets: ["datasets/cats"],
        maxFiles: 123,
        glanceMs: 6_000,
        companions: [],
        document: expect.objectContaining({ job: "extension" }),
      },
    ]);
    expect(unasked.data["warnings"]).toEqual([]);
  });
});
