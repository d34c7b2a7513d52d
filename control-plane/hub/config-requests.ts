import type { ConfigShelf, Deleted, StoredConfig } from "./config-shelf.ts";

export interface ConfigRequests {
  readonly put: {
    readonly request: { readonly config: StoredConfig; readonly overwrite: boolean };
    readonly answer: "created" | "unchanged" | "overwritten";
  };
  readonly read: {
    readonly request: { readonly name: string };
    readonly answer: StoredConfig | null;
  };
  readonly list: {
    readonly request: null;
    readonly answer: readonly StoredConfig[];
  };
  /** Into the trash; `purge`: past recall, also what is in the trash. Null: there is none of that name. */
  readonly delete: {
    readonly request: { readonly name: string; readonly purge: boolean };
    readonly answer: Deleted | null;
  };
  /** The one that was deleted last comes back. Throws CONFIG_EXISTS where its name is taken again. */
  readonly restore: {
    readonly request: { readonly name: string };
    readonly answer: StoredConfig | null;
  };
}

export type ConfigRequestName = keyof ConfigRequests;

/** What can be asked of an owner's saved configs, by name. */
export function askConfigs<Name extends ConfigRequestName>(
  shelf: ConfigShelf,
  name: Name,
  request: ConfigRequests[Name]["request"],
  nowMs: number,
): ConfigRequests[Name]["answer"] {
  const answers: {
    [Each in ConfigRequestName]: (
      request: ConfigRequests[Each]["request"],
    ) => ConfigRequests[Each]["answer"];
  } = {
    put: ({ config, overwrite }) => shelf.put(config, overwrite),
    read: ({ name }) => shelf.read(name),
    list: () => shelf.list(),
    delete: ({ name, purge }) => shelf.delete(name, purge, nowMs),
    restore: ({ name }) => shelf.restore(name, nowMs),
  };
  return answers[name](request);
}
