import { uploadKind, uploadKindsHint } from "@trainyard/shared/dataset/upload-kinds.ts";
import { hashFile } from "./hashes.ts";
import type { Item, Phase } from "./item.ts";
import { Refusal } from "./line.ts";
import { linkEnds } from "./link.ts";
import type { Link } from "./link.ts";
import { cleanName, fold, freeName } from "./names.ts";
import { sendFile } from "./send-file.ts";

export interface QueueEvents {
  changed(item: Item): void;
  linkEnded(refusal: Refusal): void;
}

const atOnce = 3;

/** The files of this page, a few at a time. */
export function createQueue(link: Link, on: QueueEvents) {
  const items: Item[] = [];
  const takesOne = link.isOnce || link.filename !== null;
  let running = 0;
  let hasEnded = false;

  const turn = (item: Item, phase: Phase): void => {
    item.phase = phase;
    on.changed(item);
  };
  const isTaken = (name: string, besides: Item | null): boolean =>
    items.some((item) => item !== besides && fold(item.name) === fold(name));

  const run = async (item: Item): Promise<void> => {
    turn(item, { kind: "reading" });
    const { signal } = item.leaves;
    item.hashes ??= await hashFile(item.file, link.partBytes, (bytes) => {
      item.doneBytes = bytes;
      on.changed(item);
    });
    if (signal.aborted) return;
    item.doneBytes = 0;
    const sent = await sendFile({
      file: item.file,
      hashes: item.hashes,
      url: `${link.address}/${encodeURIComponent(item.name)}`,
      partBytes: link.partBytes,
      replaces: item.replaces,
      again: item.again,
      on: {
        sent: (bytes) => {
          item.doneBytes = Math.min(bytes, item.file.size);
          turn(item, { kind: "sending" });
        },
        looking: () => turn(item, { kind: "looking" }),
        held: (reason) => turn(item, { kind: "held", reason }),
      },
      signal,
    });
    if (sent.kind === "name-taken") return turn(item, { kind: "asking" });
    item.doneBytes = item.file.size;
    turn(item, { kind: sent.kind, end: sent.end });
  };

  const fail = (item: Item, error: unknown): void => {
    if (item.leaves.signal.aborted) return;
    if (error instanceof Refusal && linkEnds.has(error.code)) {
      const isFirst = !hasEnded;
      hasEnded = true;
      for (const left of items.filter(({ phase }) => phase.kind === "waiting")) {
        turn(left, notSent);
      }
      turn(item, notSent);
      if (isFirst) on.linkEnded(error);
      return;
    }
    item.doneBytes = 0;
    item.hashes = null;
    turn(item, refusedFor(error));
  };

  const start = (): void => {
    for (const item of items) {
      if (hasEnded || running >= atOnce) return;
      if (item.phase.kind !== "waiting") continue;
      running += 1;
      void run(item)
        .catch((error: unknown) => fail(item, error))
        .finally(() => {
          running -= 1;
          start();
        });
    }
  };

  const goOn = (item: Item): void => {
    turn(item, hasEnded ? notSent : { kind: "waiting" });
    start();
  };

  return {
    items: items as readonly Item[],
    /** Those that are not here already, what is refused among them. Of a link for one file only the first. */
    add(files: readonly File[]): readonly Item[] {
      const added: Item[] = [];
      for (const file of files) {
        if (items.some((item) => isSame(item.file, file))) continue;
        if (takesOne && items.some(({ phase }) => phase.kind !== "refused")) break;
        const name = link.filename ?? freeName(cleanName(file.name), (name) => isTaken(name, null));
        const item: Item = {
          file,
          name,
          phase: refusalOf(name, file, link) ?? { kind: "waiting" },
          doneBytes: 0,
          replaces: false,
          again: false,
          hashes: null,
          leaves: new AbortController(),
        };
        items.push(item);
        added.push(item);
      }
      return added;
    },
    start,
    retry: (item: Item): void => {
      item.again = true;
      goOn(item);
    },
    replace: (item: Item): void => {
      item.replaces = true;
      goOn(item);
    },
    keepBoth: (item: Item): void => {
      item.name = freeName(item.name, (name) => name === item.name || isTaken(name, item));
      goOn(item);
    },
    remove: (item: Item): void => {
      item.leaves.abort(new Error("The file was taken out."));
      items.splice(items.indexOf(item), 1);
    },
  };
}

const notSent: Phase = {
  kind: "refused",
  message: "The link ended before this file was sent.",
  hint: null,
  isFinal: true,
};

function isSame(one: File, other: File): boolean {
  return (
    one.name === other.name && one.size === other.size && one.lastModified === other.lastModified
  );
}

/** What the box would refuse by its name or length is not sent at all. */
function refusalOf(name: string, { size }: File, { fileBytes }: Link): Phase | null {
  if (uploadKind(name) === null) {
    const message = "A dataset cannot hold a file of this kind.";
    return { kind: "refused", message, hint: null, isFinal: true };
  }
  if (size > fileBytes) {
    const hint = `At most ${Math.floor(fileBytes / 2 ** 30)} GiB.`;
    return { kind: "refused", message: "The file is too large.", hint, isFinal: true };
  }
  return null;
}

function refusedFor(error: unknown): Phase {
  if (error instanceof Refusal) {
    // What a dataset holds stands on the page.
    const hint = error.hint === uploadKindsHint ? null : error.hint;
    return { kind: "refused", message: error.message, hint, isFinal: false };
  }
  if (error instanceof DOMException) {
    const hint = "Take it out of the list and choose it again.";
    const message = "The browser cannot read this file any more.";
    return { kind: "refused", message, hint, isFinal: true };
  }
  return { kind: "refused", message: String(error), hint: null, isFinal: false };
}
