import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chartSeries, robustSmooth } from "@trainyard/shared/analysis/report/chart-series.ts";
import {
  reportFileName,
  reportMarkdown,
} from "@trainyard/shared/analysis/report/report-markdown.ts";
import { reportHtml } from "@trainyard/shared/analysis/report/report-html.ts";
import { buildReport, defaultReportInputs } from "@trainyard/shared/analysis/report/report.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { simulatedLosses, white } from "../../../support/loss-noise.ts";
import { anyRun, config, emptyRun, healthyRun, job, nowMs } from "../../../support/run-facts.ts";

const steps = Array.from({ length: 20_000 }, (_, i) => i);
const losses = simulatedLosses(white(0.5), () => (i) => -i / 20_000, 1, 20_000);

function reportOf(facts: RunFacts) {
  return buildReport(facts, {
    nowMs,
    inputs: { ...defaultReportInputs, includeBaselineComparison: true },
    baselines: [healthyRun({ job: { ...job, id: "job-2" } })],
  });
}

const charts = {
  loss: chartSeries(steps, losses),
  lr: chartSeries([0, 1_000, 2_000], [1e-4, 1e-4, 5e-5]),
  speed: chartSeries([0, 1_000, 2_000], [0.2, 0.21, 0.2]),
};

/** Breaks out of text, attribute, Markdown cell and link, if anything lets it. */
const nasty = `"><script>alert(1)</script>' onload=x | [a](javascript:b) **c** <img src=x>\n# d \u202e`;

describe("the HTML report", () => {
  it("is one page without script, request or foreign style, with three charts", () => {
    const html = reportHtml(reportOf(healthyRun()), charts);

    expect(html.match(/<svg /g)).toHaveLength(3);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|url\(|@import|https?:\/\/|\son\w+=/i);
    expect(html).toContain("default-src 'none'");
    expect(html).toContain("prefers-color-scheme:dark");
    expect(html).not.toMatch(/NaN|undefined|\[object/);
    expect(html.length).toBeLessThan(120_000);
  });

  it("[B60] shows what came from outside as text only", () => {
    const facts = healthyRun({
      job: { ...job, id: nasty, name: nasty },
      config: { ...config, modelName: nasty, optimizer: nasty },
      alerts: [
        {
          code: nasty,
          severity: "critical",
          category: nasty,
          message: nasty,
          step: 1,
          atMs: nowMs,
          guardrail: true,
        },
      ],
    });
    const html = reportHtml(reportOf(facts), charts);
    const tags = new Set(html.match(/<[a-z][a-z0-9]*/gi));

    expect(html).toContain("&lt;script&gt;");
    expect([...tags].filter((tag) => /script|img/i.test(tag))).toEqual([]);
    expect(html).not.toMatch(/"[^"<>]*" onload=/);
    expect(html).not.toContain("\u202e");
  });

  it("and its Markdown twin hold for any run, with and without charts", () => {
    fc.assert(
      fc.property(anyRun, (facts) => {
        const report = reportOf(facts);

        const html = reportHtml(report, { loss: null, lr: null, speed: null });
        expect(html).not.toMatch(/undefined|\[object Object/);
        expect(html.match(/<section>/g)?.length).toBe(html.match(/<\/section>/g)?.length);
        expect(reportMarkdown(report)).toContain("## Alerts");
      }),
      { numRuns: 100 },
    );
  });
});

describe("the Markdown report", () => {
  it("has the seeds' title, bullets and section", () => {
    const markdown = reportMarkdown(reportOf(healthyRun()));

    expect(markdown.split("\n")[0]).toBe("# Training report: job-1");
    expect(markdown).toContain("- Health: healthy");
    expect(markdown).toContain("- Grade: A");
    expect(markdown).toContain("## Alerts\n\nNo alerts\n");
    expect(reportMarkdown(reportOf(emptyRun()))).toContain("- Evaluation score: not known");
  });

  it("lets no text of others become markup", () => {
    const markdown = reportMarkdown(reportOf(healthyRun({ job: { ...job, name: nasty } })));

    expect(markdown).not.toMatch(/(?<!\\)<script|(?<!\\)\[a|(?<!\\)\*\*c/);
    expect(markdown.split("\n").filter((line) => line.startsWith("# "))).toHaveLength(1);
  });

  it("names files so that two exports in a second are two files", () => {
    expect(reportFileName("observability", "job/../1", nowMs)).toBe(
      "observability-job____1-20261121-120000-000",
    );
    expect(reportFileName("x", "y", nowMs)).not.toBe(reportFileName("x", "y", nowMs + 1));
  });
});

describe("a chart's series", () => {
  it("is thinned to its bound, keeps the extremes, and marks what is not finite", () => {
    const values: (number | null)[] = [...losses];
    values[7_777] = 50;
    values[8_000] = Number.NaN;
    values[9_000] = null;
    const series = chartSeries(steps, values);

    expect(series.steps).toHaveLength(limits.chartPoints);
    expect(Math.max(...series.high)).toBe(50);
    expect(series.nonFiniteSteps).toEqual([8_000]);
    expect(series.points).toBe(19_998);
  });

  it("is smoothed to the course below the noise, past a wild point", () => {
    const series = chartSeries(steps, losses);
    const wild = series.middle.map((value, i) => (i === 300 ? value * 1_000 : value));
    const smooth = robustSmooth(wild);

    expect(smooth[300] as number).toBeGreaterThan(0.12 * Math.exp(-0.5) * 0.9);
    expect(smooth[300] as number).toBeLessThan(0.12 * Math.exp(-0.5) * 1.1);
  });
});
