import { writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { expect, test } from "vitest";
import { openHome } from "../../gpu-agent/home.ts";
import { readPolicy } from "../../gpu-agent/policy.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

test("without a file only the home's own folders are allowed", () => {
  expect(readPolicy(openHome(temporaryFolder()), {})).toEqual({
    modelRoots: [],
    comfyuiRoots: [],
    uiRoots: [],
    confirmHours: null,
    datasetRoots: [],
    projectRoots: [],
    outbound: [],
  });
});

test("the file and COMFYUI_MODEL_ROOTS add up, and an edit holds at once", () => {
  const home = openHome(temporaryFolder());
  const environment = {
    COMFYUI_MODEL_ROOTS: ["/comfy/b", " /comfy/a ", "", "/comfy/b"].join(delimiter),
  };
  const write = (value: unknown): void => writeFileSync(home.policy, JSON.stringify(value));

  write({
    model_roots: ["/data/models/"],
    comfyui_roots: ["/comfy/a"],
    ai_toolkit_ui_roots: ["/ui/output/"],
    project_roots: ["/data/projects/"],
    outbound: ["wandb"],
    confirm_hours: 12,
  });
  expect(readPolicy(home, environment)).toEqual({
    modelRoots: ["/data/models"],
    comfyuiRoots: ["/comfy/a", "/comfy/b"],
    uiRoots: ["/ui/output"],
    confirmHours: 12,
    datasetRoots: [],
    projectRoots: ["/data/projects"],
    outbound: ["wandb"],
  });
  write({});
  expect(readPolicy(home, {})).toMatchObject({
    modelRoots: [],
    comfyuiRoots: [],
    confirmHours: null,
  });
});

test.each([
  ["not JSON", "{", "JSON"],
  ["a misspelt entry", '{"modelroots": []}', "modelroots"],
  ["a relative root", '{"model_roots": ["models"]}', "model_roots.0: must be an absolute path"],
  ["a limit of no time", '{"confirm_hours": 0}', "confirm_hours"],
  ["the whole disk", '{"comfyui_roots": ["/models/.."]}', "must not be the whole disk"],
])("%s allows nothing and is named", (_what, text, said) => {
  const home = openHome(temporaryFolder());
  writeFileSync(home.policy, text);

  expect(() => readPolicy(home, {})).toThrow(
    expect.objectContaining({
      code: "POLICY_INVALID",
      message: expect.stringContaining(said) as string,
    }),
  );
});

test("a relative root in the variable is refused too", () => {
  expect(() => readPolicy(openHome(temporaryFolder()), { COMFYUI_MODEL_ROOTS: "models" })).toThrow(
    expect.objectContaining({ code: "POLICY_INVALID" }),
  );
});
