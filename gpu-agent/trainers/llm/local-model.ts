import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, resolve } from "node:path";
import type { Policy } from "../../policy.ts";
import { isInside } from "../../safe-path.ts";

/**
 * The folder of a base model, when it is there and inside a folder that the box's policy names for models; links are followed first. A
 * path that is not absolute is looked for below those folders. Null otherwise.
 */
export function localModel(
  given: string,
  { modelRoots }: Pick<Policy, "modelRoots">,
): string | null {
  const path = given.replace(/^~(?=$|\/)/, homedir());
  const places = isAbsolute(path) ? [path] : modelRoots.map((root) => resolve(root, path));
  for (const place of places) {
    if (!existsSync(place)) continue;
    const real = realpathSync(place);
    if (modelRoots.some((root) => existsSync(root) && isInside(realpathSync(root), real)))
      return real;
  }
  return null;
}
