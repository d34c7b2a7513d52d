/**
 * A line without what a launcher puts in front of it: `[rank0]: `, `[0]:`, `(main pid=3) `, `trainer-1  | `, `stderr: `.
 */
export function withoutLauncher(text: string): string {
  return mayBeginPrefix.test(text) ? text.replace(launcher, "") : text;
}

/** Most lines begin with a letter, and fail here. */
const mayBeginPrefix = /^[[(]|^[\w.-]{1,60}(?: {0,20}\||:)/;
const launcher =
  /^(?:\[(?:rank ?)?\d{1,9}\]:? ?|\(\w[^()]{0,80}pid=\d{1,9}[^()]{0,60}\) |[\w.-]{1,60}-\d{1,4} {0,20}\| ?|(?:stderr|stdout|subprocess)(?::| \|) ?){1,3}/i;
