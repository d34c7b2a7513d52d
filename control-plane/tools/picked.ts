/** The view with these of its fields, for a concise answer. The caller names every field that the contract requires. */
export function picked<View extends object>(
  view: View,
  keys: readonly (keyof View & string)[],
): View {
  const wanted = new Set<string>(keys);
  return Object.fromEntries(
    Object.entries(view).filter(([key, value]) => wanted.has(key) && value !== undefined),
  ) as View;
}
