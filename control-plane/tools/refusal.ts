import { AppError, isErrorCode } from "@trainyard/shared/errors.ts";
import type { FindingView } from "@trainyard/shared/tools/vocabulary.ts";
import type { Finding } from "@trainyard/shared/training/finding.ts";
import { plural } from "./words.ts";

/**
 * What a config is refused with; nothing was written. A finding whose code is a refusal of its own gives it (a placeholder:
 * AI Toolkit would put an environment variable in its place), the others are CONFIG_INVALID.
 */
export function refusal(errors: readonly Finding[]): AppError {
  const own = errors.find(({ code }) => code === "PLACEHOLDER_REFUSED") ?? errors.find(isOwn);
  const first = own ?? errors[0];
  const place = first?.field === undefined ? "" : ` at ${first.field}`;
  const message =
    own === undefined
      ? `The config has ${plural(errors.length, "error")}; the first is ${first?.code ?? "unknown"}${place}.`
      : `${own.message.replace(/\.$/, "")}${place}.`;
  return new AppError(
    own !== undefined && isErrorCode(own.code) ? own.code : "CONFIG_INVALID",
    `${message} Nothing was saved or started.`,
    {
      ...(first?.fix === undefined ? {} : { hint: first.fix }),
      details: {
        ...(first?.field === undefined ? {} : { field: first.field }),
        findings: errors.slice(0, 10).map(findingView),
      },
    },
  );
}

function isOwn({ code }: Finding): boolean {
  return isErrorCode(code);
}

export function findingView(finding: Finding): FindingView {
  return {
    code: finding.code,
    severity: finding.severity === "error" ? "critical" : "warning",
    message: finding.message,
    ...(finding.field === undefined ? {} : { field: finding.field }),
    ...(finding.value === undefined
      ? {}
      : { value: finding.value as NonNullable<FindingView["value"]> }),
    ...(finding.fix === undefined ? {} : { fix: finding.fix }),
  };
}
