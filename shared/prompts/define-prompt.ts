import type { z } from "zod";
import type { ToolName, Tools } from "../tools/registry.ts";

/** What a client may offer while its user types an argument. */
export type CompletionSubject = "agent" | "config" | "dataset" | "job";

export interface PromptArgument {
  readonly description: string;
  readonly completes: CompletionSubject | null;
  /** The value in its usual form. Throws an AppError that says what it must be. */
  readonly parse: (value: string) => string;
}

/** One call of the instructions: the tool, the arguments that are known by now, and what to make of the answer. */
export interface PromptStep {
  readonly tool: ToolName;
  readonly pass: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export type Given<Names extends string = string> = { readonly [Name in Names]?: string };

/** One prompt's whole contract; the same shape of thought as a tool's. */
export interface PromptContract<Names extends string = string> {
  /** As the user types it; the names are public and stay. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: Readonly<Record<Names, PromptArgument>>;
  /** Offered where all of these are: at the path, and to the token's scope. */
  readonly needs: readonly ToolName[];
  /** One sentence in the user's voice. */
  readonly wish: string;
  /** A step whose tool is not offered where the prompt is read is left out. */
  steps(given: Given<Names>): readonly PromptStep[];
  /** What to hand over at the end. */
  readonly close: string;
}

/** Identity, for inference: `given` in `steps` knows the arguments' names. */
export function definePrompt<const Names extends string>(
  contract: PromptContract<Names>,
): PromptContract<Names> {
  return contract;
}

/** The compiler holds `pass` to the tool's own parameters. Arguments that were not given fall out. */
export function step<Name extends ToolName>(
  tool: Name,
  pass: { readonly [Key in keyof z.input<Tools[Name]["input"]>]?: unknown },
  text: string,
): PromptStep {
  return { tool, pass, text };
}
