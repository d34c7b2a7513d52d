/** Where one stream stands in a Python traceback; plain JSON. */
export interface TracebackState {
  /** Between the head and the exception's own line, or in the message after it. */
  place: "outside" | "frames" | "message";
  /** Last frames, newest first, `path in function`. */
  frames: string[];
  /** Lines of the message read so far. */
  messageLines: number;
  /** What a logger puts before every line, its digits as zeros; learnt where it stands before a traceback's head. */
  prefix: string | null;
}

export const outsideTraceback: TracebackState = {
  place: "outside",
  frames: [],
  messageLines: 0,
  prefix: null,
};

export type TracebackLine = "head" | "frame" | "exception" | "message" | "link" | "other";

/** The line without what a logger put before it, where a traceback's head showed what that is. */
export function withoutLogger(text: string, state: TracebackState): string {
  const begin = text.indexOf(headWords);
  if (begin > 0) {
    const before = text.slice(0, begin);
    if (begin <= longestPrefix && loggerPrefix.test(before)) state.prefix = shapeOf(before);
  }
  const { prefix } = state;
  if (prefix === null || shapeOf(text.slice(0, prefix.length)) !== prefix) return text;
  return text.slice(prefix.length);
}

/**
 * What a line is to a traceback. A log is not always whole: an exception's line counts without its head, with another
 * print between head and frames, and with every line printed twice.
 */
export function readTracebackLine(text: string, state: TracebackState): TracebackLine {
  if (text.includes("Traceback") && head.test(text)) {
    state.place = "frames";
    state.frames = [];
    state.messageLines = 0;
    return "head";
  }
  if (link.test(text)) {
    state.place = "outside";
    return "link";
  }
  const frame = frameLine.exec(text) ?? (state.place === "frames" ? otherFrame.exec(text) : null);
  if (frame) {
    if (state.place !== "frames") state.frames = [];
    state.place = "frames";
    const place = (frame[1] ?? "").split(/[\\/]/).slice(-keptSegments).join("/");
    state.frames.unshift(`${place} in ${(frame[2] ?? "").trimEnd()}`.slice(0, frameCharacters));
    if (state.frames.length > keptFrames) state.frames.length = keptFrames;
    return "frame";
  }
  const inGroup = groupRule.test(text) ? text.replace(groupRule, "") : text;
  if (isExceptionLine(inGroup) || (state.place === "frames" && bareException.test(inGroup))) {
    if (state.place !== "frames") state.frames = [];
    state.place = "message";
    state.messageLines = 0;
    return "exception";
  }
  if (state.place === "frames") {
    // Source lines, carets and whatever another stream put between are indented or do not end the frames.
    return sourceLine.test(text) ? "frame" : "other";
  }
  if (state.place === "message") {
    state.messageLines++;
    if (state.messageLines > messageLineLimit) state.place = "outside";
    else return "message";
  }
  return "other";
}

/** `SomeError: text`, with its module or without, at the beginning of a line. */
function isExceptionLine(text: string): boolean {
  return exceptionLine.test(text) && !notAnException.test(text);
}

const headWords = "Traceback (most recent call last)";
/** Also of an exception group, in a box that rich draws, and behind the exception's name as notebooks print it. */
const head =
  /^\s*(?:[+|] ?)*\s*(?:Original |Remote )?(?:Exception Group )?Traceback \(most recent call last\):?|^[╭┌+][─-]+ ?Traceback \(most recent call last\)|^[A-Za-z_][\w.]{0,80} {2,}Traceback \(most recent call last\)\s*$/;
/** Ends in what sets a logger's words off, or glues a bar to the head. */
const loggerPrefix = /[^\s|+╭┌─][^"']*[\])|>:-]\s{0,2}$/;
const link =
  /^(?:During handling of the above exception, another exception occurred|The above exception was the direct cause of the following exception):/;
const frameLine = /^\s*(?:\|\s*)?File "([^"]{1,1000})", line \d+, in (.{1,200})$/;
/** A notebook's `File a.py:12, in f(x)` and `a.py in f(x)`; rich's `│ a.py:12 in f │`. */
const otherFrame =
  /^(?:File |│ )?(\S.{0,400}?\.(?:py|pyx|ipynb|so))(?::\d+)?,? in ([^(│]{1,200})(?:\(.*)?│?$/;
/** Source, carets, a notebook's arrows and a box's walls; what another stream put between is not indented. */
const sourceLine =
  /^(?:\s|│|╰|-{3,}>? ?\d|-{20}|Cell In|Input In|<ipython-input|\d+ frames$|File )/;
const groupRule = /^\s{1,40}\| /;
const exceptionLine =
  /^(?:[A-Za-z_]\w{0,80}\.){0,8}[A-Za-z_]\w{0,80}(?:Error|Exception|Interrupt|Exit|Failure|Timeout|NotFound|Conflict)(?::|$|\()/;
/** What an exception that does not say so in its name looks like; only after frames. */
const bareException = /^(?:[A-Za-z_]\w{0,80}\.){0,8}[A-Z]\w{0,80}(?:: |$)/;
const notAnException = /Warning:/;
const longestPrefix = 160;
const keptFrames = 4;
/** Of a path: what stands before is the user's folder, and its name says nothing. */
const keptSegments = 3;
const frameCharacters = 300;
/** The reason is sometimes some lines further down in the message, after a blank one. */
const messageLineLimit = 8;

function shapeOf(text: string): string {
  return text.replaceAll(/\d/g, "0");
}
