import type {
  OperationArgs,
  OperationName,
  OperationValue,
} from "@trainyard/shared/protocol/operations.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import type { DatasetScans } from "../datasets/dataset-scans.ts";
import type { Home } from "../home.ts";
import type { HostFacts } from "../host/host-facts.ts";
import type { Supervisor } from "../jobs/supervisor.ts";
import type { Log } from "../log.ts";
import type { Sheets } from "../samples/sheets.ts";
import type { Spool } from "../spool.ts";
import type { Time } from "../time.ts";
import type { UiState } from "../trainers/ai-toolkit-ui/ui-state.ts";
import type { LlmBox } from "../trainers/llm/llm-box.ts";
import type { Trainers } from "../trainers/detect.ts";
import type { Intake } from "../uploads/intake/intake.ts";

/** What an operation may use of the agent. */
export interface OperationContext {
  readonly home: Home;
  readonly spool: Spool;
  readonly supervisor: Supervisor;
  readonly trainers: Trainers;
  readonly intake: Intake;
  readonly llm: LlmBox;
  readonly host: HostFacts;
  /** Of the Web UI of AI Toolkit; null where no server of it is named. */
  readonly ui: UiState | null;
  readonly sheets: Sheets;
  readonly datasets: DatasetScans;
  readonly time: Time;
  readonly log: Log;
  readonly secrets: readonly KnownSecret[];
  /** http(s) address of the control plane, without a slash at its end. */
  readonly url: string;
  /** Aborted when the agent stops. */
  readonly signal: AbortSignal;
}

export type OperationHandler<Name extends OperationName> = (
  args: OperationArgs<Name>,
  context: OperationContext,
) => OperationValue<Name> | Promise<OperationValue<Name>>;
