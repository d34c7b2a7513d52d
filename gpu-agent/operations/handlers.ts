import type { OperationName } from "@trainyard/shared/protocol/operations.ts";
import { appendAlerts } from "./append-alerts.ts";
import { askTrainer } from "./ask-trainer.ts";
import { datasetFiles } from "./dataset-files.ts";
import { describeFile } from "./describe-file.ts";
import { exportModel } from "./export-model.ts";
import { listConfigs } from "./list-configs.ts";
import type { OperationHandler } from "./operation-context.ts";
import { preflight } from "./preflight.ts";
import { readConfig } from "./read-config.ts";
import { readLog } from "./read-log.ts";
import { readResult } from "./read-result.ts";
import { readRunOperation } from "./read-run.ts";
import { receivePart } from "./receive-part.ts";
import { sampleSheet } from "./sample-sheet.ts";
import { sendFile } from "./send-file.ts";
import { setGuardrails } from "./set-guardrails.ts";
import { startAttempt } from "./start-attempt.ts";
import { stopAttempt } from "./stop-attempt.ts";
import { changeTool, runTool } from "./tool.ts";
import { uploadState } from "./upload-state.ts";
import { writeReport } from "./write-report.ts";

export type OperationHandlers = { readonly [Name in OperationName]: OperationHandler<Name> };

/** Exactly the operations of the protocol; the compiler holds it. */
export const operationHandlers = {
  "start-attempt": startAttempt,
  "stop-attempt": stopAttempt,
  "set-guardrails": setGuardrails,
  "ask-trainer": askTrainer,
  preflight,
  "list-configs": listConfigs,
  "read-config": readConfig,
  "read-log": readLog,
  "read-run": readRunOperation,
  "read-result": readResult,
  "sample-sheet": sampleSheet,
  "describe-file": describeFile,
  "receive-part": receivePart,
  "upload-state": uploadState,
  "dataset-files": datasetFiles,
  "send-file": sendFile,
  "export-model": exportModel,
  "append-alerts": appendAlerts,
  "write-report": writeReport,
  tool: runTool,
  "change-tool": changeTool,
} satisfies OperationHandlers;
