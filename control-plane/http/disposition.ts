/** RFC 6266: a plain name for old clients, the real one encoded. */
export function disposition(filename: string): string {
  const plain = filename.replace(/[^A-Za-z0-9._ -]/g, "_");
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
