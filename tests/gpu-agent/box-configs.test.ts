import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listBoxConfigs, readBoxConfig } from "../../gpu-agent/configs/box-configs.ts";
import { openHome } from "../../gpu-agent/home.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

const yaml = (steps: number, model = "ostris/Flex.1-alpha") => `job: extension
config:
  name: x
  process:
    - type: sd_trainer
      train: {steps: ${steps}, lr: 1e-4, batch_size: 1}
      datasets: [{folder_path: /data/cats}]
      model: {name_or_path: ${model}}
`;

function openBox() {
  const home = openHome(temporaryFolder());
  mkdirSync(home.configs);
  const toolkit = temporaryFolder();
  mkdirSync(join(toolkit, "toolkit"));
  mkdirSync(join(toolkit, "config", "examples"), { recursive: true });
  writeFileSync(join(toolkit, "run.py"), "");
  writeFileSync(join(toolkit, "toolkit", "job.py"), "");
  const environment = { AI_TOOLKIT_PATH: toolkit, AI_TOOLKIT_PYTHON: join(toolkit, "no-python") };
  return {
    home,
    toolkit,
    environment,
    list: async () => (await listBoxConfigs(home, environment)).rows,
    read: (name: string) => readBoxConfig(home, name, environment),
  };
}

test("configs of the home and of AI Toolkit's folder are listed with what they say", async () => {
  const { home, toolkit, list } = openBox();
  writeFileSync(join(home.configs, "mine.yaml"), yaml(100));
  writeFileSync(join(toolkit, "config", "theirs.yml"), yaml(200));
  writeFileSync(
    join(toolkit, "config", "plain.json"),
    JSON.stringify({ config: { process: [{}] } }),
  );
  writeFileSync(join(toolkit, "config", "examples", "not-listed.yaml"), yaml(1));
  writeFileSync(join(toolkit, "config", "notes.txt"), "x");
  writeFileSync(join(toolkit, "config", "no name.yaml"), yaml(1));

  expect(await list()).toMatchObject([
    {
      name: "mine",
      origin: "box",
      path: "configs/mine.yaml",
      trainer: "ai-toolkit",
      model: "ostris/Flex.1-alpha",
      datasetPath: "/data/cats",
      steps: 100,
      problem: null,
    },
    { name: "plain", path: "ai-toolkit/config/plain.json", model: null, steps: null },
    { name: "theirs", path: "ai-toolkit/config/theirs.yml", steps: 200 },
  ]);
});

test("a name means the home's file before the toolkit's, and YAML before JSON", async () => {
  const { home, toolkit, list, read } = openBox();
  writeFileSync(join(home.configs, "Same.json"), JSON.stringify({ config: { process: [] } }));
  writeFileSync(join(home.configs, "same.yaml"), yaml(1));
  writeFileSync(join(toolkit, "config", "SAME.yaml"), yaml(2));

  expect((await list()).map(({ path }) => path)).toEqual(["configs/same.yaml"]);
  expect(await read("sAmE")).toMatchObject({
    name: "same",
    origin: "box",
    path: "configs/same.yaml",
    document: { job: "extension" },
    problem: null,
  });
  expect(await read("other")).toBeNull();
});

test("[W20] [W33] what is no config is named by its code, and nothing outside is read", async () => {
  const { home, toolkit, list, read } = openBox();
  const outside = join(temporaryFolder(), "secret.yaml");
  writeFileSync(outside, yaml(1, "secret-model"));
  writeFileSync(join(home.configs, "tag.yaml"), "a: !!python/object/apply:os.system [id]\n");
  writeFileSync(join(home.configs, "bomb.yaml"), `a: &a [x]\nb: [${"*a,".repeat(30)}]`);
  writeFileSync(join(home.configs, "twice.yaml"), "a: 1\na: 2\n");
  writeFileSync(join(home.configs, "deep.json"), `${"[".repeat(20_000)}${"]".repeat(20_000)}`);
  writeFileSync(join(home.configs, "large.yaml"), `a: ${"x".repeat(limits.configBytes)}`);
  writeFileSync(join(home.configs, "text.yaml"), "just text");
  symlinkSync(outside, join(home.configs, "link.yaml"));
  symlinkSync(temporaryFolder(), join(home.configs, "folder.yaml"));
  execFileSync("mkfifo", [join(home.configs, "pipe.yaml")]);
  // What AI Toolkit itself leaves beside its outputs.
  writeFileSync(
    join(toolkit, "config", "left.yaml"),
    "!!python/object/apply:collections.OrderedDict\n- - - job\n    - extension\n",
  );

  const problems = Object.fromEntries((await list()).map(({ name, problem }) => [name, problem]));
  expect(problems).toEqual({
    bomb: "YAML_ALIAS_LIMIT",
    deep: "JSON_TOO_DEEP",
    folder: "PATH_ESCAPE",
    large: "PAYLOAD_TOO_LARGE",
    left: "YAML_TAG_REFUSED",
    link: "PATH_ESCAPE",
    tag: "YAML_TAG_REFUSED",
    text: "INVALID_CONFIG_TYPE",
    twice: "YAML_DUPLICATE_KEY",
  });
  expect(JSON.stringify(await list())).not.toContain("secret-model");
  expect(await read("link")).toMatchObject({ document: null, problem: { code: "PATH_ESCAPE" } });
  expect(await read("tag")).toMatchObject({
    document: null,
    problem: { code: "YAML_TAG_REFUSED" },
  });
});

test("a file that changed is read again, one that did not is not", async () => {
  const { home, list } = openBox();
  const path = join(home.configs, "a.yaml");
  const at = new Date(1_700_000_000_000);
  writeFileSync(path, yaml(100));
  utimesSync(path, at, at);
  const first = await list();
  // Same place, size and time: only the content differs, and it is not looked at.
  writeFileSync(path, yaml(200));
  utimesSync(path, at, at);
  const same = await list();
  writeFileSync(`${path}.new`, yaml(300));
  renameSync(`${path}.new`, path);
  const replaced = await list();

  expect([first, same, replaced].map((rows) => rows[0]?.steps)).toEqual([100, 100, 300]);
});

test("without the folders there is nothing, and that is no error", async () => {
  const home = openHome(temporaryFolder());

  expect(await listBoxConfigs(home, { AI_TOOLKIT_PATH: "/nowhere" })).toEqual({
    rows: [],
    more: false,
  });
  expect(await readBoxConfig(home, "x", { AI_TOOLKIT_PATH: "/nowhere" })).toBeNull();
});
