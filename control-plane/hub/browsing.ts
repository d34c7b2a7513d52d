import type { ConfigName, ConfigShelf } from "./config-shelf.ts";
import type { JobIndex } from "./job-index.ts";

export interface Suggested {
  readonly values: readonly string[];
  /** How many there are, also beyond `values`. */
  readonly total: number;
}

export interface BrowseRequests {
  /** Saved configs by name, after the one whose folded name is given. */
  readonly configs: {
    readonly request: { readonly after: string; readonly count: number };
    readonly answer: readonly ConfigName[];
  };
  readonly "config-names": {
    readonly request: { readonly typed: string; readonly count: number };
    readonly answer: Suggested;
  };
  /** Newest first; a person knows the name of a job and not its id, so both count. */
  readonly "job-ids": {
    readonly request: { readonly typed: string; readonly count: number };
    readonly answer: Suggested;
  };
}

export type BrowseName = keyof BrowseRequests;

/** Small looks at names and ids, for lists and for completion: nothing here reads a document or a Job. */
export function browse<Name extends BrowseName>(
  { configs, jobs }: { readonly configs: ConfigShelf; readonly jobs: JobIndex },
  name: Name,
  request: BrowseRequests[Name]["request"],
): BrowseRequests[Name]["answer"] {
  const looks: {
    [Each in BrowseName]: (
      request: BrowseRequests[Each]["request"],
    ) => BrowseRequests[Each]["answer"];
  } = {
    configs: ({ after, count }) => configs.page(after, count),
    "config-names": ({ typed, count }) => configs.beginning(typed, count),
    "job-ids": ({ typed, count }) => {
      const values = jobs.idsBeginning(typed);
      return { values: values.slice(0, count), total: values.length };
    },
  };
  return looks[name](request);
}
