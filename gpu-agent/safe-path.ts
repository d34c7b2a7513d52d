import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { join, sep } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";

/**
 * The only place that turns names from outside into paths. A segment is one name; links inside a root are not followed,
 * and what was opened is looked at again through its descriptor.
 */
export function pathInside(root: string, segments: readonly string[]): string {
  for (const segment of segments) {
    // oxlint-disable-next-line no-control-regex -- a NUL would end the path early in the system call
    if (segment === "" || segment === "." || segment === ".." || /[/\\\u0000]/.test(segment)) {
      throw new AppError("PATH_ESCAPE", "A path leaves its root.", {
        hint: "Use names as the list tools show them.",
      });
    }
  }
  return join(root, ...segments);
}

/** Like `pathInside`, and none of the segments that exist may be a link. */
export function plainPathInside(root: string, segments: readonly string[]): string {
  const path = pathInside(root, segments);
  for (let depth = 1; depth <= segments.length; depth += 1) {
    let stat: Stats;
    try {
      stat = lstatSync(join(root, ...segments.slice(0, depth)));
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return path;
      throw error;
    }
    if (stat.isSymbolicLink()) throw linkRefused();
  }
  return path;
}

export interface OpenFile {
  readonly descriptor: number;
  readonly path: string;
  readonly stat: Stats;
  close(): void;
}

/** Opens an existing plain file for reading. Throws NOT_FOUND, or PATH_ESCAPE when a link leads elsewhere. */
export function openInside(root: string, segments: readonly string[]): OpenFile {
  const path = plainPathInside(root, segments);
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ELOOP") throw linkRefused();
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new AppError("NOT_FOUND", "There is no such file on the box.", {
        hint: "List the files again; it may have been removed.",
      });
    }
    throw error;
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) {
      throw new AppError("NOT_FOUND", "That is no plain file.", {
        hint: "Name a file, not a folder.",
      });
    }
    if (!isInside(realpathSync(root), openedPath(descriptor, path))) throw linkRefused();
    let open = true;
    return {
      descriptor,
      path,
      stat,
      close: () => {
        if (open) closeSync(descriptor);
        open = false;
      },
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Where the descriptor really points: a folder swapped for a link between check and open shows here. */
function openedPath(descriptor: number, path: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return realpathSync(path);
  }
}

/** Of two paths without links: is the second the first, or below it? */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

function linkRefused(): AppError {
  return new AppError("PATH_ESCAPE", "A link on the box leads out of its root.", {
    hint: "Copy the file into the folder instead of linking to it.",
  });
}
