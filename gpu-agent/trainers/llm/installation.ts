import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

const windows = process.platform === "win32";
const inEnvironment = windows ? ["Scripts", "python.exe"] : ["bin", "python"];

/**
 * The Python that language-model scripts run with: TRAINYARD_LLM_PYTHON alone where it is set, else an active or a conda environment,
 * else what is on the path. Whether it has the packages is another question. Null: there is none.
 */
export function findLlmPython(environment: Environment): string | null {
  const named = environment["TRAINYARD_LLM_PYTHON"]?.trim() ?? "";
  if (named !== "") {
    const places = isAbsolute(named) ? [named] : onPath([named], environment);
    return places.find(isProgram) ?? null;
  }
  const active = [environment["VIRTUAL_ENV"], environment["CONDA_PREFIX"]].flatMap((folder) =>
    folder === undefined || folder === "" ? [] : [join(folder, ...inEnvironment)],
  );
  const places = [
    ...active,
    ...onPath(windows ? ["python.exe"] : ["python3", "python"], environment),
  ];
  return places.find(isProgram) ?? null;
}

/** A project's own environment goes before: its requirements are its own. */
export function projectPython(folder: string): string | null {
  const own = join(folder, ".venv", ...inEnvironment);
  return isProgram(own) ? own : null;
}

function onPath(names: readonly string[], environment: Environment): readonly string[] {
  const folders = (environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return names.flatMap((name) => folders.map((folder) => join(folder, name)));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
