import { captionFromName } from "./caption-from-name.ts";
import { captionPathOf, folderOf, isCorrupt, stemOf } from "./dataset-image.ts";
import type { DatasetImage } from "./dataset-image.ts";

export interface RepairOptions {
  readonly fillMissingCaptions: boolean;
  readonly fillEmptyCaptions: boolean;
  readonly quarantineDuplicates: boolean;
  readonly quarantineCorrupt: boolean;
  readonly triggerWord: string | null;
}

export const repairActions = [
  "quarantine_corrupt",
  "quarantine_duplicates",
  "quarantine_leftovers",
  "create_missing_captions",
  "fill_empty_captions",
] as const;
type RepairAction = (typeof repairActions)[number];

type MovedType =
  | "corrupt_image"
  | "corrupt_caption"
  | "duplicate_image"
  | "duplicate_caption"
  | "leftover_image"
  | "leftover_caption";

export type RepairStep =
  | {
      readonly kind: "move";
      readonly action: RepairAction;
      readonly path: string;
      readonly type: MovedType;
    }
  | {
      readonly kind: "write";
      readonly action: RepairAction;
      readonly path: string;
      readonly text: string;
    };

export interface RepairPlan {
  /** What each action would find to do, whether or not it is wanted. */
  readonly counts: Readonly<Record<RepairAction, number>>;
  readonly enabled: Readonly<Record<RepairAction, boolean>>;
  /** Of the wanted actions, in the order in which they are done. */
  readonly steps: readonly RepairStep[];
  readonly missingCaptions: readonly string[];
  readonly emptyCaptions: readonly string[];
  readonly duplicates: readonly string[];
  readonly corrupt: readonly string[];
}

/**
 * What would be done to a dataset. Files are moved first, so that no caption is written for a file that then goes away; of equal
 * pictures the one with a caption stays, else the first by path.
 */
export function planRepairs(images: readonly DatasetImage[], options: RepairOptions): RepairPlan {
  const corrupt = images.filter(isCorrupt);
  const leftovers = images.filter((image) => isLeftover(image.path) && !isCorrupt(image));
  const put = new Set([...corrupt, ...leftovers].map(({ path }) => path));
  const duplicates = extraCopies(images.filter(({ path }) => !put.has(path)));
  const enabled: Record<RepairAction, boolean> = {
    quarantine_corrupt: options.quarantineCorrupt,
    quarantine_duplicates: options.quarantineDuplicates,
    quarantine_leftovers: options.quarantineCorrupt || options.quarantineDuplicates,
    create_missing_captions: options.fillMissingCaptions,
    fill_empty_captions: options.fillEmptyCaptions,
  };
  const moved = [
    ...(enabled.quarantine_corrupt
      ? corrupt.map((image) => ({ image, why: "corrupt" as const }))
      : []),
    ...(enabled.quarantine_duplicates
      ? duplicates.map((image) => ({ image, why: "duplicate" as const }))
      : []),
    ...(enabled.quarantine_leftovers
      ? leftovers.map((image) => ({ image, why: "leftover" as const }))
      : []),
  ];
  const goes = new Set(moved.map(({ image }) => image.path));
  const stays = images.filter(({ path }) => !goes.has(path));
  // Nobody can say what is on a picture that cannot be read.
  const captioned = stays.filter((image) => !isCorrupt(image));
  const missing = firstOfStem(captioned.filter(({ caption }) => caption.state === "missing"));
  const empty = firstOfStem(captioned.filter(({ caption }) => caption.state === "empty"));
  const write = (action: RepairAction, wanted: readonly DatasetImage[]): RepairStep[] =>
    wanted.map(({ path }) => ({
      kind: "write",
      action,
      path: captionPathOf(path),
      text: captionFromName(path, options.triggerWord),
    }));
  return {
    counts: {
      quarantine_corrupt: corrupt.length,
      quarantine_duplicates: duplicates.length,
      quarantine_leftovers: leftovers.length,
      create_missing_captions: missing.length,
      fill_empty_captions: empty.length,
    },
    enabled,
    steps: [
      ...moved.flatMap(({ image, why }) => moveWithCaption(image, why, stays)),
      ...(enabled.create_missing_captions ? write("create_missing_captions", missing) : []),
      ...(enabled.fill_empty_captions ? write("fill_empty_captions", empty) : []),
    ],
    missingCaptions: missing.map(({ path }) => path),
    emptyCaptions: empty.map(({ path }) => path),
    duplicates: duplicates.map(({ path }) => path),
    corrupt: corrupt.map(({ path }) => path),
  };
}

/** Every copy of a file but the one to keep, by path. */
function extraCopies(images: readonly DatasetImage[]): readonly DatasetImage[] {
  return copyGroups(images)
    .flatMap((group) => group.slice(1))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Files of the same content, the one to keep first. */
export function copyGroups(images: readonly DatasetImage[]): readonly (readonly DatasetImage[])[] {
  const groups = new Map<string, DatasetImage[]>();
  for (const image of images) {
    const sha256 = image.picture?.sha256 ?? null;
    if (sha256 === null || isCorrupt(image)) continue;
    const group = groups.get(sha256);
    if (group === undefined) groups.set(sha256, [image]);
    else group.push(image);
  }
  const rank = ({ caption }: DatasetImage): number => (caption.state === "filled" ? 0 : 1);
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1)));
}

const actionOf = {
  corrupt: "quarantine_corrupt",
  duplicate: "quarantine_duplicates",
  leftover: "quarantine_leftovers",
} as const;

function moveWithCaption(
  image: DatasetImage,
  why: keyof typeof actionOf,
  stays: readonly DatasetImage[],
): RepairStep[] {
  const action = actionOf[why];
  const steps: RepairStep[] = [{ kind: "move", action, path: image.path, type: `${why}_image` }];
  const isShared = stays.some((other) => stemOf(other.path) === stemOf(image.path));
  if (image.caption.state !== "missing" && !isShared)
    steps.push({ kind: "move", action, path: captionPathOf(image.path), type: `${why}_caption` });
  return steps;
}

/** `a.jpg` and `a.png` share one caption file. */
function firstOfStem(images: readonly DatasetImage[]): readonly DatasetImage[] {
  const seen = new Set<string>();
  return images.filter(({ path }) => {
    const stem = stemOf(path);
    if (seen.has(stem)) return false;
    seen.add(stem);
    return true;
  });
}

/** The folders into which an earlier system moved what it meant to take out of training, and which train all the same. */
function isLeftover(path: string): boolean {
  return folderOf(path)
    .split("/")
    .some((folder) => folder === "_duplicates" || folder === "_quarantine");
}
