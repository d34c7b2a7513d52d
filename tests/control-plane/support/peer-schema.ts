import { z } from "zod";
import comparison from "../../fixtures/peers/compare-training-runs.schema.json";
import observability from "../../fixtures/peers/get-training-observability.schema.json";

const files = {
  "compare-training-runs": comparison,
  "get-training-observability": observability,
} as const;

/** What an earlier system's schema file says against an answer; empty when it holds. Ajv needs `eval`, which workerd has not. */
export function peerIssues(tool: keyof typeof files, data: unknown): string[] {
  const schema = z.fromJSONSchema(files[tool] as Parameters<typeof z.fromJSONSchema>[0]);
  const parsed = schema.safeParse(data);
  return (parsed.error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}
