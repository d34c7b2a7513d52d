/** JSON that keeps NaN and the infinities: a loss that is not a number is a fact, and JSON would turn it into null. */
export function stringifyNonFinite(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    typeof entry === "number" && !Number.isFinite(entry) ? { nonFinite: String(entry) } : entry,
  );
}

/** The caller names the type: both functions are for rows that this code wrote itself. */
export function parseNonFinite<Value>(text: string): Value {
  return JSON.parse(text, (_key, entry: unknown) => {
    if (typeof entry === "object" && entry !== null && "nonFinite" in entry) {
      return Number((entry as { nonFinite: string }).nonFinite);
    }
    return entry;
  }) as Value;
}
