import { readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** What changes where a Python is another one, or a package of it was installed or removed. */
export function pythonStamps(python: string): readonly (string | number)[] {
  return [realPath(python), ...[python, ...sitePackages(python)].map(stampOf)];
}

/** When it was last changed; 0 where there is nothing. */
export function stampOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function sitePackages(python: string): readonly string[] {
  const environment = join(dirname(python), "..");
  const libraries = join(environment, "lib");
  const versions = namesIn(libraries).filter((name) => name.startsWith("python"));
  return [
    ...versions.map((name) => join(libraries, name, "site-packages")),
    join(environment, "Lib", "site-packages"),
  ];
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
