import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
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

/**
 * Opens an existing plain file for reading. Throws NOT_FOUND, also for a folder; NOT_REGULAR_FILE for a pipe, a socket or a device,
 * without waiting for anyone at its other end; PATH_ESCAPE when a link leads elsewhere.
 */
export function openInside(root: string, segments: readonly string[]): OpenFile {
  const path = plainPathInside(root, segments);
  const descriptor = openOrRefuse(
    path,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) {
      throw new AppError("NOT_FOUND", "That is a folder.", { hint: "Name a file in it." });
    }
    if (!stat.isFile()) throw notRegular();
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

export interface OpenFolder {
  /** A name in this very folder, for calls that take a path. Good while the folder is open. */
  entry(name: string): string;
  names(): readonly string[];
  /** Makes what was renamed, made or removed in it last through a power cut. */
  sync(): void;
  close(): void;
}

/**
 * Opens an existing folder below a root, or the root itself, for changes in it. On Linux the paths it gives go through the
 * descriptor: a folder that is swapped for a link afterwards leads nowhere else. Throws NOT_FOUND or PATH_ESCAPE.
 */
export function openFolderInside(root: string, segments: readonly string[]): OpenFolder {
  const path = plainPathInside(root, segments);
  // The root may be reached through a link; what lies below it may not.
  const noFollow = segments.length === 0 ? 0 : constants.O_NOFOLLOW;
  const descriptor = openOrRefuse(path, constants.O_RDONLY | constants.O_DIRECTORY | noFollow);
  let open = true;
  const close = (): void => {
    if (open) closeSync(descriptor);
    open = false;
  };
  try {
    if (!isInside(realpathSync(root), openedPath(descriptor, path))) throw linkRefused();
  } catch (error) {
    close();
    throw error;
  }
  const base = hasDescriptorPaths ? `/proc/self/fd/${descriptor}` : path;
  return {
    entry: (name) => pathInside(base, [name]),
    names: () => readdirSync(base),
    sync: () => fsyncSync(descriptor),
    close,
  };
}

const hasDescriptorPaths = process.platform === "linux" && existsSync("/proc/self/fd");

function openOrRefuse(path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // A link where a folder is asked for is "no folder" to the system.
    if (code === "ELOOP" || (code === "ENOTDIR" && isLink(path))) throw linkRefused();
    // What Linux says of a socket that is opened by its name.
    if (code === "ENXIO") throw notRegular();
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new AppError("NOT_FOUND", "There is no such file on the box.", {
        hint: "List the files again; it may have been removed.",
      });
    }
    throw error;
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
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

function notRegular(): AppError {
  return new AppError("NOT_REGULAR_FILE", "That is a pipe, a socket or a device.", {
    hint: "Name a plain file, or remove this one on the box.",
  });
}

function linkRefused(): AppError {
  return new AppError("PATH_ESCAPE", "A link on the box leads out of its root.", {
    hint: "Copy the file into the folder instead of linking to it.",
  });
}
