import { AppError } from "@trainyard/shared/errors.ts";
import type { ToolOutput } from "@trainyard/shared/tools/registry.ts";
import type { ToolAnswer } from "@trainyard/shared/tools/define-tool.ts";
import { listTrash, moveToTrash, purgeTrash, restorableUntil } from "../files/trash.ts";
import type { TrashEntry } from "../files/trash.ts";
import { refuseInUse } from "../jobs/in-use.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { pathInside } from "../safe-path.ts";

export interface Unwanted {
  readonly root: string;
  readonly segments: readonly string[];
  readonly virtualPath: string;
  /** What `confirm` has to say. */
  readonly name: string;
  readonly exists: boolean;
  /** When it is neither there nor in the trash. */
  readonly missing: () => AppError;
}

type Deletion = ToolOutput<"delete-dataset">;

/** Into the trash, or past recall. What is in the trash already is an answer: a call may come twice. */
export async function throwAway(
  thing: Unwanted,
  wish: { readonly purge: boolean; readonly confirm?: string | undefined },
  context: OperationContext,
): Promise<ToolAnswer<Deletion>> {
  if (wish.purge && wish.confirm !== thing.name) {
    throw new AppError(
      "CONFIRM_REQUIRED",
      "What is purged cannot come back. Nothing was changed.",
      {
        hint: "Give its name again in confirm, or leave purge out: the trash keeps it for a week.",
        details: { confirm: thing.name },
      },
    );
  }
  const { root, segments } = thing;
  if (thing.exists) {
    refuseInUse(pathInside(root, segments), context);
    const entry = moveToTrash(root, segments, { nowMs: context.time.now(), purge: wish.purge });
    context.log("info", "deleted", { path: thing.virtualPath, id: entry.id, purge: wish.purge });
    if (wish.purge) await purgeTrash(root, entry.id);
    return answer(thing, wish.purge ? null : entry, { purged: wish.purge, before: false });
  }
  const kept = listTrash(root).filter((entry) => isOf(entry, segments));
  const [newest] = kept;
  if (newest === undefined) throw thing.missing();
  if (!wish.purge) return answer(thing, newest, { purged: false, before: true });
  for (const { id } of kept) await purgeTrash(root, id);
  context.log("info", "purged from the trash", { path: thing.virtualPath, entries: kept.length });
  return answer(thing, null, { purged: true, before: true });
}

function isOf(entry: TrashEntry, segments: readonly string[]): boolean {
  return !entry.purge && entry.segments.join("/") === segments.join("/");
}

function answer(
  { name, virtualPath }: Unwanted,
  entry: TrashEntry | null,
  { purged, before }: { readonly purged: boolean; readonly before: boolean },
): ToolAnswer<Deletion> {
  return {
    data: {
      success: true,
      deleted: name,
      path: virtualPath,
      purged,
      already_deleted: before,
      change_id: entry?.id ?? null,
      restorable_until: entry === null ? null : restorableUntil(entry),
    },
    text:
      entry === null
        ? "It is gone for good."
        : `It ${before ? "was" : "is"} in the trash${before ? " already" : ""} until ${restorableUntil(entry).slice(0, 10)}. undo-dataset-change with the change_id ${entry.id} brings it back.`,
  };
}
