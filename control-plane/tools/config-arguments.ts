import { AppError } from "@trainyard/shared/errors.ts";
import type { CatalogTool } from "@trainyard/shared/tools/registry.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import type { EdgeContext } from "./context.ts";
import { readSavedConfig } from "./saved-config.ts";

/**
 * The box knows no saved configs: what a tool of the box would read from one is read here, where the caller did not say it
 * otherwise. Throws CONFIG_NOT_FOUND, or CONFIG_INVALID when it names no dataset.
 */
export async function withConfigFacts(
  tool: CatalogTool,
  input: Readonly<Record<string, unknown>>,
  context: EdgeContext,
): Promise<Readonly<Record<string, unknown>>> {
  const name = input["config_name"];
  if (typeof name !== "string" || !Object.hasOwn(tool.input.shape, "dataset_path")) return input;
  const { document } = await readSavedConfig(context, name);
  const said = readAiToolkitDocument(document);
  const facts: Readonly<Record<string, unknown>> = {
    dataset_path: said.datasets[0],
    trigger_word: said.triggerWord ?? undefined,
    resolution: said.resolution ?? undefined,
    arch: said.arch ?? undefined,
  };
  const wanted = Object.entries(facts).filter(
    ([key, value]) =>
      value !== undefined && input[key] === undefined && Object.hasOwn(tool.input.shape, key),
  );
  const filled = { ...input, ...Object.fromEntries(wanted) };
  const parsed = tool.input.safeParse(filled);
  if (parsed.success && filled["dataset_path"] !== undefined) return parsed.data;
  throw new AppError("CONFIG_INVALID", "The config does not say which dataset it trains on.", {
    hint: "Give dataset_path, or correct the config: validate-training-config says what is wrong.",
    details: { config_name: name },
  });
}
