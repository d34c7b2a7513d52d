/** One change to captions, the same for each of them. */
export type CaptionEdit =
  | { readonly kind: "set"; readonly text: string }
  | { readonly kind: "prefix"; readonly text: string }
  | { readonly kind: "suffix"; readonly text: string }
  | { readonly kind: "replace"; readonly find: string; readonly text: string }
  | { readonly kind: "remove"; readonly find: string };

/**
 * The caption after the edit. What is there already is not put there again: a prefix, a suffix, and what `replace` looks for where
 * it stands inside its own replacement, so that a call that comes twice changes nothing the second time.
 */
export function editCaption(caption: string, edit: CaptionEdit): string {
  switch (edit.kind) {
    case "set":
      return edit.text;
    case "prefix":
      return caption.startsWith(edit.text) ? caption : edit.text + caption;
    case "suffix":
      return caption.endsWith(edit.text) ? caption : caption + edit.text;
    case "replace":
      return replaceLiteral(caption, edit.find, edit.text);
    case "remove":
      return edit.find === "" ? caption : caption.replaceAll(edit.find, () => "");
  }
}

function replaceLiteral(caption: string, find: string, text: string): string {
  if (find === "" || find === text) return caption;
  if (!text.includes(find)) return caption.replaceAll(find, () => text);
  // Occurrences of the whole replacement are kept as they are, and only what lies between them is looked at.
  return caption
    .split(text)
    .map((between) => between.replaceAll(find, () => text))
    .join(text);
}
