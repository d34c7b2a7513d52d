/** Words of a camera or a phone, not of the picture. */
const noWords: ReadonlySet<string> = new Set(
  "img image photo pic picture screenshot copy dsc dscn dcim mvi pxl scan untitled unnamed jpg jpeg png webp".split(
    " ",
  ),
);
const wordsMost = 8;

/**
 * A caption from a file's name, as the earlier system made them (peers 2.16): the name's own words, at most eight, "training
 * image" when there are none, the trigger in front.
 */
export function captionFromName(path: string, trigger: string | null): string {
  const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
  const words = name
    .toLowerCase()
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== "" && !/^\d+$/.test(word) && !noWords.has(word))
    .slice(0, wordsMost);
  const text = words.length === 0 ? "training image" : words.join(" ");
  return trigger === null || trigger === "" ? text : `${trigger}, ${text}`;
}
