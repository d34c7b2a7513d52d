import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { repairActions } from "@trainyard/shared/dataset/repair-plan.ts";
import type {
  RepairOptions,
  RepairPlan,
  RepairStep,
} from "@trainyard/shared/dataset/repair-plan.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import type { ToolInput, ToolOutput } from "@trainyard/shared/tools/registry.ts";
import { inTurn } from "../datasets/changes/in-turn.ts";
import { applyChange } from "../datasets/changes/apply-change.ts";
import { asideFolder, changesFolder } from "../datasets/changes/journal.ts";
import type { DiagnosisWish, RepairsAnswer } from "../datasets/scan/messages.ts";
import { refuseInUse } from "../jobs/in-use.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { conciseDiagnosis } from "./analyze-dataset.ts";
import { datasetWish } from "./dataset-wish.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

type Input = ToolInput<"auto-improve-dataset">;
type Output = ToolOutput<"auto-improve-dataset">;

const filesShown = 100;

export const autoImproveDataset: AgentToolHandler<"auto-improve-dataset"> = (input, context) => {
  const { place, wish } = datasetWish(context.home, input);
  const options = optionsOf(input);
  return inTurn(place.folder, async () => {
    if (input.apply) refuseInUse(place.folder, context);
    const found = await ask(wish, options, context);
    const { plan, scan } = found;
    if (input.apply && scan.state === "running") {
      throw new AppError(
        "SCAN_FAILED",
        "Not every picture is looked at yet. Nothing was changed.",
        {
          hint: `${scan.scanned} of ${scan.total} are; the scan goes on. Call again.`,
          details: { ...scan },
        },
      );
    }
    const change =
      !input.apply || plan.steps.length === 0
        ? null
        : await applyChange(
            place.folder,
            { kind: "repair", argsHash: await hashJson(options), steps: plan.steps },
            context.time.now(),
          );
    if (change !== null)
      context.log("info", "a dataset was repaired", { path: place.virtualPath, id: change.id });
    const after = change === null ? null : await ask(wish, options, context);
    const full = input.detail !== "concise";
    const quarantine = plan.steps.some(({ kind }) => kind === "move");
    const data: Output = {
      generated_at: new Date(context.time.now()).toISOString(),
      dataset_path: place.virtualPath,
      config_name: input.config_name ?? null,
      config_source: input.config_name === undefined ? "argument" : "saved_config",
      applied: input.apply,
      change_id: change?.id ?? null,
      scan,
      plan: {
        missing_captions: plan.counts.create_missing_captions,
        empty_captions: plan.counts.fill_empty_captions,
        duplicate_images: plan.counts.quarantine_duplicates,
        corrupt_images: plan.counts.quarantine_corrupt,
      },
      plan_actions: repairActions.map((action) => ({
        action,
        count: plan.counts[action],
        enabled: plan.enabled[action],
      })),
      apply_result: input.apply
        ? {
            ...resultOf(plan.steps, full ? filesShown : 0),
            quarantine_path:
              change === null || !quarantine
                ? null
                : [place.virtualPath, changesFolder, change.id, asideFolder].join("/"),
          }
        : { skipped: true as const },
      ...(full ? details(found, after, options, place.virtualPath) : {}),
    };
    return { data, text: sentence(plan, input.apply, change?.id ?? null) };
  });
};

function optionsOf(input: Input): RepairOptions {
  return {
    fillMissingCaptions: input.fill_missing_captions,
    fillEmptyCaptions: input.fill_empty_captions,
    quarantineDuplicates: input.quarantine_duplicates,
    quarantineCorrupt: input.quarantine_corrupt,
    triggerWord: input.trigger_word?.trim() || null,
  };
}

function ask(
  wish: DiagnosisWish,
  options: RepairOptions,
  { datasets }: OperationContext,
): Promise<RepairsAnswer> {
  return datasets.ask<"repairs">({ want: "repairs", options, ...wish });
}

function details(
  found: RepairsAnswer,
  after: RepairsAnswer | null,
  options: RepairOptions,
  path: string,
): Partial<Output> {
  const { plan, view, scan } = found;
  const shown = (files: readonly string[]): string[] => files.slice(0, filesShown);
  return {
    options: {
      trigger_word: options.triggerWord,
      fill_missing_captions: options.fillMissingCaptions,
      fill_empty_captions: options.fillEmptyCaptions,
      quarantine_duplicates: options.quarantineDuplicates,
      quarantine_corrupt: options.quarantineCorrupt,
    },
    inspection: {
      dataset_path: path,
      exists: true,
      missing_caption_files: shown(plan.missingCaptions),
      empty_caption_files: shown(plan.emptyCaptions),
      duplicate_files: shown(plan.duplicates),
      corrupt_files: shown(plan.corrupt),
      scanned_images: scan.scanned,
    },
    analysis_before: conciseDiagnosis(view),
    analysis_after: after === null ? { skipped: true } : conciseDiagnosis(after.view),
  };
}

function resultOf(steps: readonly RepairStep[], shown: number) {
  const done = (action: RepairStep["action"]): number =>
    steps.filter((step) => step.action === action && !isCaption(step)).length;
  return {
    captions_created: done("create_missing_captions"),
    empty_captions_filled: done("fill_empty_captions"),
    duplicates_quarantined: done("quarantine_duplicates"),
    corrupt_quarantined: done("quarantine_corrupt"),
    leftovers_quarantined: done("quarantine_leftovers"),
    moved_files: steps
      .flatMap((step) => (step.kind === "move" ? [{ type: step.type, path: step.path }] : []))
      .slice(0, shown),
  };
}

/** A caption that went with its image is not counted again. */
function isCaption(step: RepairStep): boolean {
  return step.kind === "move" && step.type.endsWith("_caption");
}

function sentence(plan: RepairPlan, applied: boolean, id: string | null): string {
  const wanted = repairActions.filter((action) => plan.enabled[action]);
  const todo = wanted.reduce((sum, action) => sum + plan.counts[action], 0);
  if (id !== null)
    return `${todo} repairs are done. undo-dataset-change with the change_id ${id} takes them back.`;
  if (applied || todo === 0)
    return "There is nothing to repair with these options. Nothing was changed.";
  const invented = plan.enabled.create_missing_captions && plan.counts.create_missing_captions > 0;
  return `${todo} repairs are planned and nothing was changed; apply: true does them, with a way back.${invented ? " Captions from file names are poor: who sees the pictures writes better ones with edit-captions." : ""}`;
}
