import { limits } from "@trainyard/shared/limits.ts";
import type { DatasetDiagnosisView } from "@trainyard/shared/tools/dataset-view.ts";
import type { ScanProgress } from "../datasets/scan/messages.ts";
import { datasetWish } from "./dataset-wish.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { observedNow } from "./tool-handler.ts";

export const analyzeDataset: AgentToolHandler<"analyze-dataset"> = async (input, context) => {
  const { wish } = datasetWish(context.home, input);
  const { scan, view, fingerprint } = await context.datasets.ask<"diagnosis">({
    want: "diagnosis",
    ...wish,
  });
  const full = input.detail !== "concise";
  const { findings = [], buckets = [], ...analysis } = full ? view : conciseDiagnosis(view);
  return {
    data: {
      dataset_path: wish.virtualPath,
      config_name: input.config_name ?? null,
      scan,
      findings,
      buckets,
      analysis: full ? { ...analysis, fingerprint } : analysis,
      ...observedNow(context),
    },
    text: sentence(view, scan),
  };
};

const counts = [
  "total_images",
  "scan_limited",
  "caption_coverage_pct",
  "corrupt_image_count",
  "duplicate_image_estimate",
  "near_duplicate_count",
  "low_resolution_count",
  "dataset_quality_score",
  "caption_quality_score",
] as const satisfies readonly (keyof DatasetDiagnosisView)[];

/** Room for the rest of the answer. */
const restCharacters = 520;

/** Counts, what was found (the worst first, as many as there is room for), and the buckets in a line each. */
export function conciseDiagnosis(view: DatasetDiagnosisView): DatasetDiagnosisView {
  const short: DatasetDiagnosisView = {
    ...Object.fromEntries(counts.map((key) => [key, view[key]])),
    buckets: (view.buckets ?? []).map(({ buckets: _all, ...plan }) => plan).slice(0, 3),
  };
  let room = limits.conciseCharacters - restCharacters - JSON.stringify(short).length;
  const findings: NonNullable<DatasetDiagnosisView["findings"]> = [];
  for (const { code, severity, count, fix } of view.findings ?? []) {
    const finding = { code, severity, count, ...(fix === undefined ? {} : { fix }) };
    room -= JSON.stringify(finding).length + 1;
    if (room < 0) break;
    findings.push(finding);
  }
  return { ...short, findings };
}

function sentence(view: DatasetDiagnosisView, scan: ScanProgress): string {
  const images = `${view.total_images ?? 0} images`;
  if (scan.state === "running") {
    return `${scan.scanned} of ${scan.total} pictures are looked at so far; the scan goes on. Call analyze-dataset again for the rest.`;
  }
  const findings = view.findings ?? [];
  if (findings.length === 1 && findings[0]?.code === "TABLES_ONLY") {
    return "The dataset holds tables for language models, and no pictures. Next: configure-training-run with datasets/<name>/<file>; it looks at their rows.";
  }
  const worst = findings.filter(({ severity }) => severity !== "info");
  if (worst.length === 0)
    return `${images}, and nothing that needs mending. Next: recommend-training-plan.`;
  const next = worst.some(({ fix }) => fix?.includes("auto-improve-dataset") === true)
    ? "auto-improve-dataset shows what it would do"
    : "detail full names the files";
  return `${images}; ${worst.length} thing${worst.length === 1 ? "" : "s"} to mend, the worst ${worst[0]?.code ?? ""}. Next: ${next}.`;
}
