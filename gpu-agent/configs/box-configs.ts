import { join } from "node:path";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName } from "@trainyard/shared/names.ts";
import type { BoxConfig, BoxConfigRow } from "@trainyard/shared/protocol/operations/configs.ts";
import type { Home } from "../home.ts";
import { findToolkit } from "../trainers/ai-toolkit/installation.ts";
import { folderSource } from "./config-folder.ts";

export type { BoxConfigRow } from "@trainyard/shared/protocol/operations/configs.ts";
export type ReadBoxConfig = BoxConfig;

/** One place of the box where configs lie that nobody saved here. */
export interface ConfigSource {
  /** At most `room` rows. */
  list(room: number): Promise<{ readonly rows: readonly BoxConfigRow[]; readonly more: boolean }>;
  /** Null: it has none of that name. */
  read(name: string): Promise<ReadBoxConfig | null>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** In the order in which a name is looked for. What a web UI keeps in its database is one more source. */
function sourcesOf(home: Home, environment: Environment): readonly ConfigSource[] {
  const toolkit = findToolkit(environment);
  const root =
    toolkit.kind === "found"
      ? toolkit.installation.root
      : toolkit.kind === "no-python"
        ? toolkit.root
        : null;
  return [
    folderSource(home.configs, "configs"),
    ...(root === null ? [] : [folderSource(join(root, "config"), "ai-toolkit/config")]),
  ];
}

export async function listBoxConfigs(
  home: Home,
  environment: Environment = process.env,
): Promise<{ rows: BoxConfigRow[]; more: boolean }> {
  const rows: BoxConfigRow[] = [];
  const names = new Set<string>();
  let more = false;
  for (const source of sourcesOf(home, environment)) {
    const listed = await source.list(limits.boxConfigs - rows.length);
    more ||= listed.more;
    for (const row of listed.rows) {
      if (names.has(foldName(row.name))) continue;
      names.add(foldName(row.name));
      rows.push(row);
    }
  }
  return { rows, more };
}

export async function readBoxConfig(
  home: Home,
  name: string,
  environment: Environment = process.env,
): Promise<ReadBoxConfig | null> {
  for (const source of sourcesOf(home, environment)) {
    const found = await source.read(name);
    if (found !== null) return found;
  }
  return null;
}
