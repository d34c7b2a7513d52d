import { findBar } from "../bars/bar.ts";
import { createLinePattern } from "./line-pattern.ts";

/** What a look around is about. */
export type LogAround =
  | { readonly kind: "step"; readonly step: number }
  /** 1-based, as editors count the lines of the file. */
  | { readonly kind: "line"; readonly line: number }
  | { readonly kind: "text"; readonly text: string };

/** `120` and `step 120` are a step, `line 7` a line of the file, all else a text or regular expression. */
export function parseLogAround(text: string): LogAround {
  const [, word = "", number = ""] = /^\s*(?:(step|line)\s*)?(\d{1,15})\s*$/i.exec(text) ?? [];
  if (number === "") return { kind: "text", text };
  return word.toLowerCase() === "line"
    ? { kind: "line", line: Number(number) }
    : { kind: "step", step: Number(number) };
}

export type LineMatch = (text: string, row: number | null) => boolean;

/** What the job's own bar is known by; null parts are unknown. */
export interface JobBar {
  readonly name: string | null;
  readonly totalSteps: number | null;
}

/** One test after the other, each to be asked of the whole log before the next: the job's bar knows a step best. */
export function aroundMatches(around: LogAround, job: JobBar): readonly (() => LineMatch)[] {
  switch (around.kind) {
    case "line":
      return [() => (_text, row) => row === around.line - 1];
    case "text":
      return [() => matchText(around.text)];
    case "step":
      return [
        () => matchStep(around.step, job),
        () =>
          matchText(
            String.raw`\b(?:global_)?(?:step|steps|iter|iteration)\W{0,3}0*${around.step}(?:\D|$)`,
          ),
      ];
  }
}

function matchText(text: string): LineMatch {
  const pattern = createLinePattern(text);
  return (line) => pattern.matches(line);
}

/** The redraw of the job's bar that shows the step, or the first behind it: a fast bar leaves some out. */
function matchStep(step: number, job: JobBar): LineMatch {
  let before: number | null = null;
  return (text) => {
    if (!text.includes("%|")) return false;
    const found = findBar(text);
    if (found === null || found.bar.unit !== "it") return false;
    const { bar, description } = found;
    const named = job.name !== null && description === job.name;
    if (!named && (job.totalSteps === null || bar.total !== job.totalSteps)) return false;
    const reached = bar.count === step || (before !== null && before < step && bar.count > step);
    const first = reached && (before === null || before !== bar.count);
    before = bar.count;
    return first;
  };
}
