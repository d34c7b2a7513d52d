import { z } from "zod";
import { datasetDiagnosis, scanProgress } from "./dataset-view.ts";
import { defineTool } from "./define-tool.ts";
import {
  agent,
  arch,
  bucketResolutions,
  detail,
  maxDatasetFiles,
  maybe,
  nameOrPath,
  observation,
  triggerWord,
} from "./vocabulary.ts";

export const analyzeDataset = defineTool({
  name: "analyze-dataset",
  title: "Analyze dataset",
  description:
    "Returns what is wrong with a dataset and how to mend it: damage, copies, captions, sizes, buckets. Changes nothing.",
  input: z.strictObject({
    dataset_path: nameOrPath.optional(),
    config_name: nameOrPath.optional(),
    trigger_word: triggerWord,
    resolution: bucketResolutions,
    arch,
    max_dataset_files: maxDatasetFiles,
    agent,
    detail,
  }),
  output: z.object({
    dataset_path: z.string(),
    config_name: maybe(z.string()),
    scan: scanProgress,
    findings: datasetDiagnosis.shape.findings,
    buckets: datasetDiagnosis.shape.buckets,
    analysis: datasetDiagnosis,
    ...observation,
  }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "agent",
  core: false,
});
