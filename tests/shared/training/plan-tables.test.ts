import { describe, expect, it } from "vitest";
import {
  memoryTable,
  publishedPeaks,
  staticMemory,
  staticUncertaintyPct,
  textEncoderMib,
} from "../../../shared/training/memory-table.ts";
import {
  type PlanFamilyName,
  planFamilies,
  planFamilyOf,
  resolutionLadder,
} from "../../../shared/training/plan-families.ts";
import type { TrainingLoad } from "../../../shared/training/plan-load.ts";
import { speedTable } from "../../../shared/training/speed-table.ts";
import { load } from "./plan-support.ts";

const names = Object.keys(planFamilies) as PlanFamilyName[];

describe("the tables", () => {
  it("have every family", () => {
    expect(Object.keys(memoryTable).toSorted()).toEqual(names.toSorted());
    expect(Object.keys(speedTable).toSorted()).toEqual(names.toSorted());
  });

  it.each(publishedPeaks.map((peak) => [peak.source, peak.says, peak] as const))(
    "meet %s (%s)",
    (_, says, { load: published, withoutTextEncoders, gb }) => {
      const found = staticMemory(published);
      const mib = (found?.mib ?? 0) - (withoutTextEncoders ? textEncoderMib(published) : 0);
      const published_ = (gb * 1e9) / 1_048_576;

      if (says === "about") {
        const off = Math.abs(mib / published_ - 1) * 100;
        expect(off).toBeLessThanOrEqual(staticUncertaintyPct.published);
      } else {
        // Sold in GiB: a 24 GB card has 24 x 1024 MiB.
        expect(mib).toBeLessThanOrEqual(gb * 1_024);
      }
    },
  );

  it("call an estimate what no published figure holds", () => {
    const held = new Set(publishedPeaks.map(({ load: { family } }) => family));
    for (const [name, row] of Object.entries(memoryTable)) {
      if (row?.basis !== "published") continue;
      expect(held).toContain(name);
    }
  });

  it.each(names)("%s has a ladder of whole buckets", (name) => {
    const family = planFamilies[name];
    const ladder = resolutionLadder(family);

    expect(ladder[0]).toBe(family.nativeResolution);
    expect(ladder.at(-1)).toBe(family.minResolution);
    for (const side of ladder) expect(side % family.bucketStep).toBe(0);
  });

  it("more pixels, batch, rank or frames never need less memory", () => {
    for (const name of names.filter((family) => family !== "tiny")) {
      const base = load({ family: name, lowVram: true });
      const need = (more: Partial<TrainingLoad>): number =>
        staticMemory({ ...base, ...more })?.mib ?? 0;
      expect(need({ resolution: 1_024 })).toBeGreaterThan(need({}));
      expect(need({ batchSize: 2 })).toBeGreaterThan(need({}));
      expect(need({ rank: 64 })).toBeGreaterThan(need({}));
      expect(need({ frames: 41 })).toBeGreaterThan(need({}));
      expect(need({ quantize: true })).toBeLessThan(need({}));
    }
  });
});

describe("planFamilyOf", () => {
  it.each([
    ["black-forest-labs/FLUX.1-dev", null, "flux"],
    ["ostris/Flex.1-alpha", null, "flex1"],
    ["Qwen/Qwen-Image-2512", null, "qwen_image"],
    ["Qwen/Qwen-Image", "qwen_image:2512", "qwen_image"],
    ["Wan-AI/Wan2.1-T2V-1.3B-Diffusers", null, "wan21_1b"],
    ["Wan-AI/Wan2.1-T2V-14B-Diffusers", "wan21:14b", "wan21_14b"],
    ["Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "wan21", "wan21_1b"],
    ["ai-toolkit/Wan2.2-T2V-A14B-Diffusers-bf16", null, "wan22_14b"],
    ["Tongyi-MAI/Z-Image-Turbo", "zimage:turbo", "zimage"],
    ["whatever", "sdxl", "sdxl"],
    ["tiny", null, "tiny"],
    ["black-forest-labs/FLUX.2-dev", null, undefined],
    ["whatever", "cogview4", undefined],
    [null, null, undefined],
  ])("%s with arch %s is %s", (model, arch, wanted) => {
    expect(planFamilyOf(model, arch)?.name).toBe(wanted);
  });
});
