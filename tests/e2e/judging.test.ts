import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { peerSchema } from "../support/peer-schemas.ts";
import { pictures, startTrainyard, untilEnded } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

let trainyard: Trainyard;
let jobId = "";

beforeAll(async () => {
  trainyard = await startTrainyard({ env: { TRAINYARD_TINY_PIXELS: "64" } });
  await trainyard.upload("cats", await pictures(200));
  await trainyard.call("create-training-config", {
    name: "cats",
    model_name: "tiny",
    dataset_path: "cats",
    steps: 300,
  });
  const started = await trainyard.call("start-training", { config_name: "cats" });
  jobId = String(started.data["job_id"]);
  await untilEnded(trainyard, jobId);
}, 120_000);

afterAll(() => trainyard.close());

describe("a real training, judged", () => {
  it("has a report that the earlier systems' schema holds for, with the box's own figures", async () => {
    const { data: report } = await trainyard.call("get-training-observability", { job_id: jobId });

    expect(peerSchema("get-training-observability")(report)).toBe("");
    expect(report).toMatchObject({
      status_snapshot: { status: "completed", progress: 100 },
      quality_analysis: { loss: { count: 300 }, nan_count: 0 },
      speed_analysis: { model_family: "tiny" },
      dataset_analysis: { exists: true, total_images: 4, caption_coverage_pct: 100 },
      system_snapshot: { known: true },
    });
    expect(report["speed_analysis"].iter_per_sec.median).toBeGreaterThan(0);
  });

  it("is ranked, graded and improved upon", async () => {
    const { data: compared } = await trainyard.call("compare-training-runs", { job_ids: [jobId] });
    const { data: evaluated } = await trainyard.call("evaluate-lora", { job_id: jobId });
    const { data: suggested } = await trainyard.call("suggest-next-experiment", { job_id: jobId });

    expect(peerSchema("compare-training-runs")(compared)).toBe("");
    expect(evaluated["grade"]).toMatch(/^[A-F]$/);
    expect(suggested["recommendation"].proposed).not.toEqual(suggested["recommendation"].current);
  });

  it("is exported by link and below outputs/reports on the box", async () => {
    const { data: exported } = await trainyard.call("export-observability-report", {
      job_id: jobId,
      output_dir: "reports/week",
    });
    const page = await (await fetch(String(exported["download_url"]))).text();
    const path = String(exported["html_report_path"]);

    expect(page).toContain("<svg");
    expect(path).toMatch(/^outputs\/reports\/week\/observability-/);
    expect(existsSync(join(trainyard.home, path))).toBe(true);
    expect(readFileSync(join(trainyard.home, path), "utf8")).toContain("<svg");
  });
});
