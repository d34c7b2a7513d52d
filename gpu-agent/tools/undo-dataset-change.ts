import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetFolder } from "@trainyard/shared/names.ts";
import type { ChangeView } from "@trainyard/shared/tools/undo-dataset-change.ts";
import { listTrash, restoreFromTrash } from "../files/trash.ts";
import type { TrashEntry } from "../files/trash.ts";
import type { Home } from "../home.ts";
import { fittingRows } from "./fitting-rows.ts";
import { restorableUntil } from "./throw-away.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

interface Deleted {
  readonly virtualPath: string;
  readonly entry: TrashEntry;
}

export const undoDatasetChange: AgentToolHandler<"undo-dataset-change"> = async (
  input,
  context,
) => {
  const { home, log } = context;
  const dataset = input.dataset_path === undefined ? null : parseDatasetFolder(input.dataset_path);
  const deleted = deletedThings(home);
  if (input.change_id === undefined) {
    const changes = deleted
      .filter(({ virtualPath }) => dataset === null || virtualPath === `datasets/${dataset}`)
      .map(changeOf);
    return listed(changes, input.detail !== "concise");
  }
  const { path, already } = restore(home, input.change_id);
  if (!already) log("info", "a deletion was undone", { path, id: input.change_id });
  return {
    data: {
      success: true,
      change_id: input.change_id,
      kind: "deletion",
      path,
      already_undone: already,
      changes: [],
      count: 0,
    },
    text: already ? "It was back where it was before." : "It is back where it was.",
  };
};

function restore(home: Home, id: string): { readonly path: string; readonly already: boolean } {
  for (const { root, label } of trashRoots(home)) {
    try {
      const { entry, already } = restoreFromTrash(root, id);
      return { path: [label, ...entry.segments].join("/"), already };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "CHANGE_NOT_FOUND") throw error;
    }
  }
  throw new AppError("CHANGE_NOT_FOUND", "There is no change of that id to take back.", {
    hint: "Call undo-dataset-change without change_id for what there is.",
  });
}

const trashRoots = (home: Home) => [
  { root: home.datasets, label: "datasets" },
  { root: home.outputs, label: "outputs" },
];

function deletedThings(home: Home): readonly Deleted[] {
  return trashRoots(home).flatMap(({ root, label }) =>
    listTrash(root)
      .filter(({ purge }) => !purge)
      .map((entry) => ({ virtualPath: [label, ...entry.segments].join("/"), entry })),
  );
}

function changeOf({ virtualPath, entry }: Deleted): ChangeView {
  return {
    change_id: entry.id,
    kind: "deletion",
    path: virtualPath,
    changed_at: new Date(entry.deletedAtMs).toISOString(),
    undone: false,
    restorable_until: restorableUntil(entry),
  };
}

function listed(all: readonly ChangeView[], full: boolean) {
  const newestFirst = all.toSorted((a, b) => (a.changed_at < b.changed_at ? 1 : -1));
  const changes = full
    ? newestFirst.slice(0, changesListed)
    : fittingRows(newestFirst, (row) => row);
  return {
    data: {
      success: true,
      changes: [...changes],
      count: newestFirst.length,
      truncated: changes.length < newestFirst.length,
    },
    text:
      newestFirst.length === 0
        ? "There is nothing to take back."
        : `${newestFirst.length} change${newestFirst.length === 1 ? "" : "s"} can be taken back, newest first. Call undo-dataset-change with a change_id from here.`,
  };
}

const changesListed = 100;
