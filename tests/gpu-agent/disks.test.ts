import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openHome } from "../../gpu-agent/home.ts";
import { diskOf, disksOf } from "../../gpu-agent/host/disks.ts";
import { rootsOf } from "../../gpu-agent/roots.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

test("folders of one disk are one entry, another disk is its own, and what is not there is none", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "a"));
  mkdirSync(join(folder, "b"));
  const disks = await disksOf([
    ["a", join(folder, "a")],
    ["processes", "/proc"],
    ["b", join(folder, "b")],
    ["nowhere", join(folder, "nowhere")],
  ]);

  expect(disks.map(({ roots }) => roots)).toEqual([["a", "b"], ["processes"]]);
  expect(disks[0]?.freeBytes).toBeGreaterThan(0);
  expect(disks[0]?.totalBytes).toBeGreaterThanOrEqual(disks[0]?.freeBytes ?? Infinity);
  expect(await diskOf(join(folder, "nowhere"))).toBeNull();
});

test("the roots are the home's own, those of the policy, and the trainers'", () => {
  const home = openHome(temporaryFolder());
  const trainers = [
    { name: "ai-toolkit", found: true, version: null, reason: null, path: "/opt/ai-toolkit" },
    { name: "tiny", found: true, version: null, reason: null },
  ];
  writeFileSync(home.policy, JSON.stringify({ model_roots: ["/models"] }));
  const named = rootsOf(home, trainers).map(([name]) => name);
  writeFileSync(home.policy, "not JSON");
  const broken = rootsOf(home, []).map(([name]) => name);

  expect(named).toEqual(["outputs", "datasets", "jobs", "/models", "ai-toolkit"]);
  expect(broken).toEqual(["outputs", "datasets", "jobs"]);
});
