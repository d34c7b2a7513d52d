import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { advice, goalAdvice } from "../../../shared/training/advice.ts";
import { memoryTable, staticMemory } from "../../../shared/training/memory-table.ts";
import { planFamilies } from "../../../shared/training/plan-families.ts";
import { rankByGoal, stepsByImages, stepsFor } from "../../../shared/training/plan-recipe.ts";
import { recommendPlan } from "../../../shared/training/plan.ts";
import { trainingGuide } from "../../../shared/training/training-guide.ts";

const page = readFileSync(new URL("../../../docs/training-guide.md", import.meta.url), "utf8");

/** Cells of the row that begins so. */
function row(start: string): string[] {
  const line = page.split("\n").find((one) => one.startsWith(`| ${start} |`)) ?? "";
  return line.split("|").map((cell) => cell.trim());
}

describe("docs/training-guide.md", () => {
  it("is what the tables say", () => {
    expect(page).toBe(trainingGuide());
  });

  it("has the plan's own numbers", () => {
    for (const [images, steps] of stepsByImages) {
      expect(row(String(images))[2]).toBe(String(stepsFor(images, 1)));
      expect(steps).toBe(stepsFor(images, 1));
    }
    for (const [goal, rank] of Object.entries(rankByGoal))
      expect(page).toContain(`| ${goal} | ${rank} |`);
    for (const family of Object.values(planFamilies)) {
      expect(row(family.label)).toContain(String(family.learningRate));
    }
  });

  it("has the memory that a plan would answer", () => {
    const lines = page.slice(page.indexOf("## GPU memory")).split("\n");
    for (const family of Object.values(planFamilies)) {
      if (memoryTable[family.name] === null) continue;
      const cells = lines.find((line) => line.startsWith(`| ${family.label} |`))?.split("|") ?? [];
      const mib = staticMemory({
        family: family.name,
        resolution: 512,
        batchSize: 1,
        rank: 16,
        quantize: family.quantize,
        lowVram: true,
        frames: 1,
      })?.mib;
      expect(cells[2]).toContain(((mib ?? 0) / 1_024).toFixed(1));
      expect(cells.join("|")).toMatch(/published|estimate/);
    }
  });

  it("shares its sentences with the plan's answers", () => {
    const plan = recommendPlan({
      goal: "a style",
      modelName: "stabilityai/stable-diffusion-xl-base-1.0",
      arch: null,
      images: 25,
      captionCoveragePct: 100,
      duplicates: 0,
      timeBudgetMinutes: null,
      targetVramGb: null,
      gpu: { name: "Unheard Of", memoryMib: 24_000 },
      experience: [],
      current: null,
    });

    expect(plan.rationale[0]).toBe(goalAdvice.style);
    expect(page).toContain(goalAdvice.style);
    expect(plan.rationale.join(" ")).toContain(advice.steps);
    for (const sentence of Object.values(advice)) expect(page).toContain(sentence);
  });

  it("names nothing that only this project's makers would know", () => {
    expect(page).not.toMatch(/\/work|\/tmp|localhost/);
  });
});
