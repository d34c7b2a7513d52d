/** Of 200 bytes, which the box takes; a number has to fit behind. */
const most = 190;

/** What a file system of some box refuses goes away; letters of all scripts stay. */
export function cleanName(name: string): string {
  const clean = name
    .normalize("NFC")
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/\\<>:"|?*]/gu, "_")
    .replace(/^\.+/, "")
    .replace(/[. ]+$/, "");
  const { stem, ending } = cut(clean === "" ? "file" : clean);
  return shorten(stem, most - bytesOf(ending)) + ending;
}

/** The name itself, or the first of `name-2`, `name-3`… that `isTaken` does not know. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  const { stem, ending } = cut(name);
  let free = name;
  for (let number = 2; isTaken(free); number += 1) free = `${stem}-${number}${ending}`;
  return free;
}

/** Two names that fold alike are one file on some disks. */
export function fold(name: string): string {
  return name.normalize("NFC").toUpperCase().toLowerCase();
}

function cut(name: string): { readonly stem: string; readonly ending: string } {
  const dot = name.lastIndexOf(".");
  if (dot <= 0 || name.length - dot > 12) return { stem: name, ending: "" };
  return { stem: name.slice(0, dot), ending: name.slice(dot) };
}

function shorten(text: string, bytes: number): string {
  let short = text;
  while (bytesOf(short) > bytes) short = Array.from(short).slice(0, -1).join("");
  return short;
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
