/** The addresses of resources. Names and ids are of a small alphabet, so nothing in them is ever escaped. */

export type ResourceAddress =
  | { readonly kind: "guide"; readonly guide: string }
  | { readonly kind: "config"; readonly name: string }
  | { readonly kind: "report"; readonly jobId: string };

const scheme = "trainyard://";

export function resourceUri(address: ResourceAddress): string {
  switch (address.kind) {
    case "guide":
      return `${scheme}guides/${address.guide}`;
    case "config":
      return `${scheme}configs/${address.name}`;
    case "report":
      return `${scheme}jobs/${address.jobId}/report`;
  }
}

/** Null for every address that is none of ours; whether the thing exists is another question. */
export function parseResourceUri(uri: string): ResourceAddress | null {
  const match =
    /^trainyard:\/\/(?:(guides|configs)\/([\w.-]{1,100})|jobs\/(\w{1,100})\/report)$/.exec(uri);
  if (match === null) return null;
  const [, collection, name = "", jobId] = match;
  if (jobId !== undefined) return { kind: "report", jobId };
  return collection === "guides" ? { kind: "guide", guide: name } : { kind: "config", name };
}
