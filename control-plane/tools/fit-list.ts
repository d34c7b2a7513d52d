/** As many entries from the front as fit into `room` characters of JSON, at least one where there is one. */
export function fitList<Entry>(entries: readonly Entry[], room: number): Entry[] {
  let left = room;
  const taken: Entry[] = [];
  for (const entry of entries) {
    left -= JSON.stringify(entry).length + 1;
    if (left < 0 && taken.length > 0) break;
    taken.push(entry);
  }
  return taken;
}
