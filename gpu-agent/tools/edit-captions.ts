import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { editCaption } from "@trainyard/shared/dataset/caption-edit.ts";
import type { CaptionEdit } from "@trainyard/shared/dataset/caption-edit.ts";
import { captionPathOf, stemOf } from "@trainyard/shared/dataset/dataset-image.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import { applyChange } from "../datasets/changes/apply-change.ts";
import type { ChangeStep } from "../datasets/changes/apply-change.ts";
import { inTurn } from "../datasets/changes/in-turn.ts";
import { listChanges } from "../datasets/changes/journal.ts";
import { changedSince } from "../datasets/changes/roll-back.ts";
import { findDataset } from "../datasets/dataset-folder.ts";
import { readCaption, readCaptionFile } from "../datasets/scan/read-caption.ts";
import { walkDataset } from "../datasets/scan/walk.ts";
import type { FoundTree } from "../datasets/scan/walk.ts";
import { refuseInUse } from "../jobs/in-use.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

type Input = ToolInput<"edit-captions">;

interface Edited {
  readonly file: string;
  readonly before: string | null;
  readonly after: string;
}

interface Edits {
  readonly changed: readonly Edited[];
  readonly skipped: readonly { readonly file: string; readonly code: string }[];
}

const shown = { concise: 3, full: 20 };
const shownCharacters = { concise: 120, full: 500 };

export const editCaptions: AgentToolHandler<"edit-captions"> = (input, context) => {
  const place = findDataset(context.home, input.dataset_path);
  const edits = editsOf(input);
  return inTurn(place.folder, async () => {
    if (!input.dry_run) refuseInUse(place.folder, context);
    const { dataset_path: _path, dry_run: _dry, detail, ...what } = input;
    const argsHash = await hashJson(what);
    const repeated = input.dry_run ? null : await sameChange(place.folder, argsHash);
    const found =
      repeated === null ? await workOut(place.folder, edits) : { changed: [], skipped: [] };
    const steps: ChangeStep[] = found.changed.map(({ file, after }) => ({
      kind: "write",
      path: captionPathOf(file),
      text: after,
    }));
    const change =
      input.dry_run || steps.length === 0
        ? null
        : await applyChange(
            place.folder,
            { kind: "captions", argsHash, steps },
            context.time.now(),
          );
    const id = change?.id ?? repeated?.id ?? null;
    const count = repeated?.count ?? found.changed.length;
    const form = detail === "concise" ? "concise" : "full";
    const cut = (text: string): string => text.slice(0, shownCharacters[form]);
    return {
      data: {
        dataset_path: place.virtualPath,
        dry_run: input.dry_run,
        change_id: id,
        changed_count: count,
        skipped_count: found.skipped.length,
        skipped: found.skipped
          .slice(0, shown[form])
          .map((one) => ({ ...one, file: cut(one.file) })),
        examples: found.changed.slice(0, shown[form]).map(({ file, before, after }) => ({
          file: cut(file),
          before: before === null ? null : cut(before),
          after: cut(after),
        })),
      },
      text: sentence(count, found.skipped.length, id, input.dry_run),
    };
  });
};

/** The edit of each file, by what file and caption share; `null` is every file. */
function editsOf(input: Input): {
  readonly of: (stem: string) => CaptionEdit | null;
  readonly named: ReadonlySet<string> | null;
} {
  const { captions, files, operation } = input;
  if ((captions === undefined) === (operation === undefined)) {
    throw new AppError("INVALID_ARGUMENT", "Give either operation or captions.", {
      hint: "operation changes all captions alike; captions has one text for each file.",
      details: { field: "operation" },
    });
  }
  if (captions !== undefined) {
    const texts = new Map(Object.entries(captions).map(([file, text]) => [stemOf(file), text]));
    return {
      named: new Set(texts.keys()),
      of: (stem) => {
        const text = texts.get(stem);
        return text === undefined ? null : { kind: "set", text };
      },
    };
  }
  const edit = editFrom(input);
  const named = files === undefined ? null : new Set(files.map(stemOf));
  return { named, of: (stem) => (named === null || named.has(stem) ? edit : null) };
}

function editFrom({ operation, text, find }: Input): CaptionEdit {
  switch (operation) {
    case "replace":
      return { kind: "replace", find: given("find", find), text: given("text", text) };
    case "remove":
      return { kind: "remove", find: given("find", find ?? text) };
    case "prefix":
    case "suffix":
    case "set":
      return { kind: operation, text: given("text", text) };
    case undefined:
      throw new Error("checked by the caller");
  }
}

function given(field: string, value: string | undefined): string {
  if (value !== undefined && (value !== "" || field === "text")) return value;
  throw new AppError("INVALID_ARGUMENT", `${field} is missing.`, {
    hint: "replace wants find and text, remove wants find, the others want text.",
    details: { field },
  });
}

/** Yields now and then: a set may have many thousand captions. */
async function workOut(dataset: string, edits: ReturnType<typeof editsOf>): Promise<Edits> {
  const tree = walkDataset(dataset);
  const changed: Edited[] = [];
  const skipped: { file: string; code: string }[] = [];
  const left = new Set(edits.named ?? []);
  const done = new Set<string>();
  for (const [at, { path }] of tree.images.entries()) {
    if (at % 200 === 199) await new Promise((resolve) => setImmediate(resolve));
    const stem = stemOf(path);
    const edit = edits.of(stem);
    left.delete(stem);
    // `a.jpg` and `a.png` share one caption.
    if (edit === null || done.has(stem)) continue;
    done.add(stem);
    const outcome = editOne(dataset, tree, path, edit);
    if ("code" in outcome) skipped.push({ file: path, code: outcome.code });
    else if (outcome.after !== outcome.before) changed.push({ file: path, ...outcome });
  }
  for (const stem of left) skipped.push({ file: stem, code: "NOT_FOUND" });
  return { changed, skipped };
}

function editOne(
  dataset: string,
  tree: FoundTree,
  path: string,
  edit: CaptionEdit,
): { readonly before: string | null; readonly after: string } | { readonly code: string } {
  const found = tree.captions.get(stemOf(path));
  const odd = tree.skipped.find((file) => file.path === captionPathOf(path));
  if (odd !== undefined) return { code: odd.code };
  const { state } = readCaption(dataset, found);
  if (state === "unreadable") return { code: "FILE_UNREADABLE" };
  // Setting mends what cannot be read as text; anything else needs the text.
  if (edit.kind === "set") {
    const before =
      state === "missing" || state === "not-utf8" || found === undefined
        ? null
        : readCaptionFile(dataset, found.path);
    return { before, after: edit.text };
  }
  if (state === "not-utf8") return { code: "CAPTIONS_NOT_UTF8" };
  if (found === undefined) return { code: "CAPTION_MISSING" };
  const before = readCaptionFile(dataset, found.path);
  return { before, after: editCaption(before, edit) };
}

/** The newest change of the dataset, when this very call made it and everything is as it left it: the call came twice. */
async function sameChange(
  dataset: string,
  argsHash: string,
): Promise<{ readonly id: string; readonly count: number } | null> {
  const [newest] = listChanges(dataset);
  if (newest?.state !== "applied" || newest.journal.argsHash !== argsHash) return null;
  if ((await changedSince(dataset, newest.journal)).length > 0) return null;
  return { id: newest.journal.id, count: newest.journal.steps.length };
}

function sentence(changed: number, skipped: number, id: string | null, dry: boolean): string {
  const rest = skipped === 0 ? "" : ` ${skipped} were skipped, see skipped.`;
  if (dry) return `${changed} captions would change; nothing was written.${rest}`;
  if (id === null) return `No caption had to change.${rest}`;
  return `${changed} captions are changed.${rest} undo-dataset-change with the change_id ${id} takes it back.`;
}
