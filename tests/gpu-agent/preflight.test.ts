import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OperationContext } from "../../gpu-agent/operations/operation-context.ts";
import { preflight } from "../../gpu-agent/operations/preflight.ts";
import { openHome } from "../../gpu-agent/home.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

test("preflight says where the base model lies, and whether Flux could be loaded from its folder", async () => {
  const home = openHome(temporaryFolder());
  const roots = join(home.root, "base-models");
  mkdirSync(join(roots, "whole", "transformer"), { recursive: true });
  mkdirSync(join(roots, "empty"));
  writeFileSync(join(roots, "whole", "transformer", "config.json"), "{}");
  writeFileSync(join(roots, "one.safetensors"), "x");
  writeFileSync(home.policy, JSON.stringify({ model_roots: [roots] }));
  const context = { home, trainers: { get: () => null, facts: async () => [] } };
  const modelOf = async (name_or_path?: string) =>
    (
      await preflight(
        {
          trainer: null,
          datasets: [],
          maxFiles: 100,
          document: { config: { process: [{ model: { name_or_path } }] } },
        },
        context as unknown as OperationContext,
      )
    ).model;

  expect(await modelOf("whole")).toEqual({
    resolved: true,
    source: "model-root",
    path: join(roots, "whole"),
    partsThere: true,
  });
  expect(await modelOf(join(roots, "empty"))).toMatchObject({
    source: "direct-path",
    partsThere: false,
  });
  expect(await modelOf("one")).toMatchObject({ resolved: true, partsThere: null });
  expect(await modelOf("ostris/Flex.1-alpha")).toEqual({
    resolved: true,
    source: "hub",
    path: null,
    partsThere: null,
  });
  expect(await modelOf("nowhere")).toMatchObject({ resolved: false });
  expect(await modelOf("/etc/passwd")).toMatchObject({ resolved: false, path: null });
  expect(await modelOf()).toBeNull();
  expect(await modelOf("tiny")).toBeNull();
});
