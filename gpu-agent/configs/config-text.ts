import { composerOptions, readConfigText } from "@trainyard/shared/training/config-text.ts";
import type { ReadConfigText } from "@trainyard/shared/training/config-text.ts";

/** A file's text by the same rules as the edge reads a caller's; the parser is loaded when the first file is read. */
export async function readText(text: string): Promise<ReadConfigText> {
  const { Composer, Parser } = await import("yaml");
  return readConfigText(text, {
    tokens: (source) => [...new Parser().parse(source)],
    compose: (tokens) => [
      ...new Composer(composerOptions).compose(
        tokens as Parameters<InstanceType<typeof Composer>["compose"]>[0],
      ),
    ],
  });
}
