/** Index of the line that first says what went wrong; null when none does. Asked of lines as `cleanLines` gives them. */
export function firstError(lines: readonly { readonly text: string }[]): number | null {
  const at = lines.findIndex(({ text }) => saysError(text));
  return at < 0 ? null : at;
}

function saysError(text: string): boolean {
  const line = text.replace(rank, "");
  if (harmless.test(line)) return false;
  return exception.test(line) || level.test(line) || others.some((pattern) => pattern.test(line));
}

/** `[rank0]: ` before a line of one of several processes. */
const rank = /^\[rank\d{1,4}\]: ?/;

/** `torch.OutOfMemoryError: …`, `AssertionError`: at the line's beginning, where Python ends a traceback. */
const exception =
  /^(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception|Interrupt|Exit)(?::(?: |$)|$)|^(?:[A-Za-z_]\w{0,60}\.){0,8}(?:Error|Exception): /;

/** A logger's level, behind a time or a name; not the word in a sentence. */
const level =
  /^(?:\W{0,2}\d[\d\-/:.,TZ +]{4,30}\W{0,3})?\[?(?:[\w.]{1,40} ?[-|:] ?)?(?:ERROR|CRITICAL|FATAL)\]?(?:[ :|\-\]]|$)/;

const others: readonly RegExp[] = [
  /^Error running job: /,
  /\bCUDA out of memory\b/,
  /^Fatal Python error: /,
  // A shell about the process it started.
  /^\S{1,40}: line \d+: +\d+ (?:Killed|Aborted|Segmentation fault|Bus error)\b/,
  /^(?:Killed|Segmentation fault|Bus error|Aborted)\b(?: \(core dumped\))?$/,
  /^(?:fatal|error): /i,
  /^[\w./-]{1,80}: error: /,
  /\bNo space left on device\b/,
];

/** Said of what goes on: an optional part is missing, a batch was skipped. */
const harmless = /\b(?:ignored|ignoring|optional|skipping|falling back|will retry|retrying)\b/i;
