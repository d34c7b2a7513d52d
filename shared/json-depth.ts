/** Whether a JSON value holds more than so many lists and objects inside each other, itself counted; stops at the first that does. */
export function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((entry) => isDeeperThan(levels - 1, entry));
}
