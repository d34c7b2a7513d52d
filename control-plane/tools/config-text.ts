import { composerOptions, readConfigText } from "@trainyard/shared/training/config-text.ts";
import type { ReadConfigText } from "@trainyard/shared/training/config-text.ts";
import { Composer, Parser } from "yaml";
import type { CST } from "yaml";

/** JSON or YAML text of a caller; never throws for what stands in it. */
export function readText(text: string): ReadConfigText {
  return readConfigText(text, {
    tokens: (source) => [...new Parser().parse(source)],
    compose: (tokens) => [...new Composer(composerOptions).compose(tokens as CST.Token[])],
  });
}
