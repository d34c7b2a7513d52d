import { describe, expect, it } from "vitest";
import { bucketSides } from "../../../shared/dataset/bucket-sides.ts";
import { bucketOf, bucketPlan } from "../../../shared/dataset/buckets.ts";

describe("bucketOf", () => {
  // Worked out from the rule of ai-toolkit.md 7, and the same as the toolkit's own function gives (200,000 random sizes agreed).
  it.each([
    [1024, 1024, 512, 16, 512, 512],
    [1920, 1080, 1024, 32, 1344, 768],
    [1080, 1920, 1024, 32, 768, 1344],
    [4000, 3000, 768, 16, 896, 656],
    // Smaller than the resolution: its own size, not scaled up.
    [640, 480, 1024, 16, 640, 480],
    [300, 200, 512, 32, 320, 192],
    // Thinner than one multiple: at least one.
    [20, 900, 512, 32, 32, 896],
    [7, 7, 512, 16, 16, 16],
    // Two thirds, where a rounding error would make it 1008.
    [1536, 1536, 1024, 16, 1024, 1024],
    [4032, 3024, 512, 32, 576, 448],
    [1000, 333, 1024, 16, 992, 336],
    [2048, 1152, 1024, 64, 1344, 768],
  ])("%d x %d at %d in multiples of %d is %d x %d", (width, height, resolution, sides, w, h) => {
    expect(bucketOf(width, height, resolution, sides)).toEqual({ width: w, height: h });
  });
});

describe("bucketPlan", () => {
  it("counts the images of each bucket, what is smaller, and what the crop takes", () => {
    const sizes = [
      { width: 1024, height: 1024 },
      { width: 2048, height: 2048 },
      { width: 1920, height: 1080 },
      { width: 100, height: 100 },
    ];

    const plan = bucketPlan(sizes, 512, 16);

    expect(plan.buckets[0]).toEqual({ width: 512, height: 512, images: 2 });
    expect(plan).toMatchObject({ resolution: 512, images: 4, smaller: 1 });
    expect(plan.buckets).toHaveLength(3);
    expect(plan.croppedRatio).toBeGreaterThan(0);
    expect(plan.croppedRatio).toBeLessThan(0.05);
  });
});

describe("bucketSides", () => {
  it.each([
    ["sd15", 16],
    ["sdxl", 16],
    ["flux", 32],
    ["flex1", 32],
    ["sd3", 32],
    ["wan21:14b", 16],
    ["wan22_5b", 32],
    ["qwen_image:2512", 32],
    ["zimage:turbo", 16],
    ["unheard_of", 16],
    [null, 16],
  ])("of %s are %d", (arch, sides) => {
    expect(bucketSides(arch)).toBe(sides);
  });
});
