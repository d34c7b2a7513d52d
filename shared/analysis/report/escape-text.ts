/**
 * For HTML text and quoted attributes alike. What came from a log, a caption or a file name goes through here. Control
 * characters and those that turn the direction of writing have no place in a page and become U+FFFD.
 */
export function escapeHtml(text: string): string {
  return text
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) =>
      character === "\n" || character === "\t" ? character : "\ufffd",
    )
    .replace(/[&<>"']/g, (character) => entities[character] as string);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** One line of Markdown that stays text: no emphasis, link, picture, HTML, table cell or heading comes out of data. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\s\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu, " ")
    .trim()
    .replace(/[\\`*_[\]<>|~#!$&]/g, "\\$&")
    .replaceAll("://", "\\://");
}
