import { limits } from "../limits.ts";
import type { Finding } from "./finding.ts";

/**
 * Looks at every key and string of a document. AI Toolkit replaces `${NAME}` by an environment variable anywhere in
 * the file's text (a secret would end up in a caption) and `[name]` by raw text inside the serialised JSON.
 */
export function scanValues(document: unknown, add: (finding: Finding) => void): void {
  const open: { value: unknown; path: string; depth: number }[] = [
    { value: document, path: "", depth: 0 },
  ];
  let found = 0;
  const report = (finding: Finding): void => {
    found += 1;
    if (found <= findingsShown) add(finding);
  };
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { value, path, depth } = at;
    if (typeof value === "string") {
      scanText(value, path, report);
    } else if (typeof value === "number" && !Number.isFinite(value)) {
      report({
        code: "NOT_A_NUMBER",
        severity: "error",
        message: "A number that is not finite cannot be kept as JSON.",
        field: visible(path).slice(0, fieldShown),
        fix: "Write a number.",
      });
    } else if (typeof value === "object" && value !== null) {
      if (depth >= limits.jsonDepth) {
        report({
          code: "JSON_TOO_DEEP",
          severity: "error",
          message: `The config is nested deeper than ${limits.jsonDepth} levels.`,
          field: path.slice(0, fieldShown),
          fix: "Flatten it.",
        });
        continue;
      }
      const entries: [string, unknown][] = Array.isArray(value)
        ? value.map((item, index) => [`${path}[${index}]`, item])
        : Object.entries(value).map(([key, item]) => {
            const inner = `${path === "" ? "" : `${path}.`}${key}`;
            scanText(key, inner, report);
            if (prototypeKeys.has(key)) report(prototypeKey(inner));
            return [inner, item];
          });
      for (const [inner, item] of entries.reverse()) {
        open.push({ value: item, path: inner, depth: depth + 1 });
      }
    }
  }
}

function scanText(text: string, path: string, add: (finding: Finding) => void): void {
  const field = visible(path).slice(0, fieldShown);
  const name = text.includes("[name]") && path !== "meta.name";
  if (text.includes("${") || name) {
    add({
      code: "PLACEHOLDER_REFUSED",
      severity: "error",
      message: name
        ? "AI Toolkit would replace `[name]` here."
        : "AI Toolkit would replace `${…}` here by an environment variable.",
      field,
      fix: "Write the text itself, without the placeholder.",
    });
  }
  // oxlint-disable-next-line no-control-regex -- these characters are what it looks for
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text)) {
    add({
      code: "CONTROL_CHARACTERS",
      severity: "error",
      message: "This text holds control characters.",
      field,
      fix: "Remove them.",
    });
  }
}

function prototypeKey(path: string): Finding {
  return {
    code: "UNKNOWN_KEY",
    severity: "error",
    message: "This key is never a setting.",
    field: visible(path).slice(0, fieldShown),
    fix: "Remove it.",
  };
}

function visible(path: string): string {
  return path.replace(/\p{C}/gu, "?");
}

const prototypeKeys = new Set(["__proto__", "constructor", "prototype"]);
/** A document full of placeholders is refused as surely by the first few findings. */
const findingsShown = 20;
const fieldShown = 200;
