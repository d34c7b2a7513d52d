import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetFolder } from "@trainyard/shared/names.ts";
import type { ChangeView } from "@trainyard/shared/tools/undo-dataset-change.ts";
import { inTurn } from "../datasets/changes/in-turn.ts";
import { listChanges, readChange } from "../datasets/changes/journal.ts";
import type { KnownChange } from "../datasets/changes/journal.ts";
import { undoChange } from "../datasets/changes/roll-back.ts";
import { datasetPlaces, datasetRoots } from "../datasets/dataset-folder.ts";
import { listTrash, restorableUntil, restoreFromTrash } from "../files/trash.ts";
import type { TrashEntry } from "../files/trash.ts";
import type { Home } from "../home.ts";
import { refuseInUse } from "../jobs/in-use.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { fittingRows } from "./fitting-rows.ts";
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
  if (input.change_id === undefined) {
    const changes = [
      ...deletedThings(home).map(deletionView),
      ...datasetPlaces(home).flatMap((place) =>
        listChanges(place.folder).map((change) => changeView(place.virtualPath, change)),
      ),
    ].filter(({ path }) => dataset === null || path === `datasets/${dataset}`);
    return listed(changes, input.detail !== "concise");
  }
  const { change_id } = input;
  const undone = (await undoInDatasets(change_id, context)) ?? restore(home, change_id);
  if (!undone.already) log("info", "a change was undone", { path: undone.path, id: change_id });
  return {
    data: {
      change_id,
      kind: undone.kind,
      path: undone.path,
      ...(undone.files === null ? {} : { files_restored: undone.files }),
      already_undone: undone.already,
      changes: [],
      count: 0,
    },
    text: undone.already
      ? "That was taken back before; nothing was changed."
      : "It is as it was before the change.",
  };
};

interface Undone {
  readonly kind: ChangeView["kind"];
  readonly path: string;
  readonly files: number | null;
  readonly already: boolean;
}

/** Null when no dataset has a change of that id. */
async function undoInDatasets(id: string, context: OperationContext): Promise<Undone | null> {
  const place = datasetPlaces(context.home).find(({ folder }) => readChange(folder, id) !== null);
  if (place === undefined) return null;
  return inTurn(place.folder, async () => {
    refuseInUse(place.folder, context);
    const { journal, already } = await undoChange(place.folder, id);
    return { kind: journal.kind, path: place.virtualPath, files: journal.steps.length, already };
  });
}

function restore(home: Home, id: string): Undone {
  for (const { root, label } of trashRoots(home)) {
    try {
      const { entry, already } = restoreFromTrash(root, id);
      return { kind: "deletion", path: [label, ...entry.segments].join("/"), files: null, already };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "CHANGE_NOT_FOUND") throw error;
    }
  }
  throw new AppError("CHANGE_NOT_FOUND", "There is no change of that id to take back.", {
    hint: "Call undo-dataset-change without change_id for what there is.",
  });
}

const trashRoots = (home: Home) => [
  ...datasetRoots(home).map((root) => ({ root, label: "datasets" })),
  { root: home.outputs, label: "outputs" },
];

function deletedThings(home: Home): readonly Deleted[] {
  return trashRoots(home).flatMap(({ root, label }) =>
    listTrash(root)
      .filter(({ purge }) => !purge)
      .map((entry) => ({ virtualPath: [label, ...entry.segments].join("/"), entry })),
  );
}

function deletionView({ virtualPath, entry }: Deleted): ChangeView {
  return {
    change_id: entry.id,
    kind: "deletion",
    path: virtualPath,
    changed_at: new Date(entry.deletedAtMs).toISOString(),
    undone: false,
    restorable_until: restorableUntil(entry),
  };
}

function changeView(path: string, { state, journal }: KnownChange): ChangeView {
  return {
    change_id: journal.id,
    kind: journal.kind,
    path,
    changed_at: new Date(journal.atMs).toISOString(),
    undone: state === "undone",
    files: journal.steps.length,
  };
}

function listed(all: readonly ChangeView[], full: boolean) {
  const newestFirst = all.toSorted((a, b) => (a.changed_at < b.changed_at ? 1 : -1));
  const changes = full
    ? newestFirst.slice(0, changesListed)
    : fittingRows(newestFirst, (row) => row);
  return {
    data: {
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
