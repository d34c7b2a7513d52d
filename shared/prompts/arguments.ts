/** Arguments that several prompts share. A value stands in our text only as JSON, inside the arguments of a call. */
import { AppError } from "../errors.ts";
import { limits } from "../limits.ts";
import { parseDatasetRef } from "../names.ts";
import type { PromptArgument } from "./define-prompt.ts";

export const jobArgument = {
  description: "A job_id. Left out: the newest that fits.",
  completes: "job",
  parse: plainText("A job_id", 100),
} as const satisfies PromptArgument;

export const agentArgument = {
  description: "The box: agent id or name. Needed only with several boxes.",
  completes: "agent",
  parse: plainText("An agent id or name", 100),
} as const satisfies PromptArgument;

export const datasetArgument = {
  description: "Name of the dataset. It may be one that has still to be uploaded.",
  completes: "dataset",
  parse: parseDatasetRef,
} as const satisfies PromptArgument;

export const modelArgument = {
  description: 'Base model: Hugging Face id, or "tiny" to try it on a CPU in a minute.',
  completes: null,
  parse: plainText("A model name", 500),
} as const satisfies PromptArgument;

export const triggerArgument = {
  description: "The made-up word that calls up what is taught, such as ohwx.",
  completes: null,
  parse: plainText("A trigger word", 200),
} as const satisfies PromptArgument;

export const hoursArgument = {
  description: "How many hours to look back, 1 to 720. Left out: 24.",
  completes: null,
  parse: (value) => {
    const hours = Number(value);
    if (Number.isInteger(hours) && hours >= 1 && hours <= limits.catchUpHours) return String(hours);
    throw new AppError("INVALID_ARGUMENT", "hours is not a number of hours.", {
      hint: `Give a whole number from 1 to ${limits.catchUpHours}.`,
    });
  },
} as const satisfies PromptArgument;

/** One line: a line break in an argument could pass for a step of ours. */
function plainText(what: string, maxCharacters: number): (value: string) => string {
  return (value) => {
    if (value.length <= maxCharacters && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value)) return value;
    throw new AppError("INVALID_ARGUMENT", `${what} is one line of at most ${maxCharacters}.`, {
      hint: "Shorten it, and leave line breaks out.",
    });
  };
}
