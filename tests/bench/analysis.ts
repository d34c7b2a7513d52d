// npm run bench:analysis [-- report|guardrails|trend ...]: prints the figures of docs/analysis.md. Nothing here is a test.
import { benchAnalysisReport } from "./analysis-report.ts";
import { benchAnalysisTrend } from "./analysis-trend.ts";
import { benchGuardrails } from "./guardrails.ts";

const benches: Readonly<Record<string, () => Promise<void> | void>> = {
  report: benchAnalysisReport,
  guardrails: benchGuardrails,
  trend: () => benchAnalysisTrend(),
};

const asked = process.argv.slice(2);
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.log(`\n# ${name}`);
  await bench();
}
