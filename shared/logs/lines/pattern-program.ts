import { AppError } from "../../errors.ts";
import { limits } from "../../limits.ts";

/** One state of the machine. `to` and `or` are numbers of other states. */
type PatternState =
  | { readonly kind: "char"; readonly has: (code: number) => boolean; to: number }
  | { readonly kind: "split"; to: number; or: number }
  | { readonly kind: "start" | "end" | "edge" | "inner"; to: number }
  | { readonly kind: "match" };

export interface PatternProgram {
  readonly states: readonly PatternState[];
  readonly start: number;
}

type Has = (code: number) => boolean;

type Node =
  | { readonly kind: "char"; readonly has: Has }
  | { readonly kind: "assert"; readonly what: "start" | "end" | "edge" | "inner" }
  | { readonly kind: "all" | "any"; readonly parts: readonly Node[] }
  | { readonly kind: "repeat"; readonly part: Node; readonly min: number; readonly max: number };

/**
 * A regular expression as a machine without backtracking (K. Thompson 1968): groups, `|`, classes, `\d \w \s \b`,
 * `^ $`, `* + ? {m,n}`, lazy forms too. Letters match in any case; the text must be in lower case. Null when it is no
 * expression, `INVALID_ARGUMENT` for what such a machine cannot do (look-around, back references) and for one too large.
 */
export function compilePattern(source: string): PatternProgram | null {
  const node = parse(source);
  if (node === null) return null;
  const states: PatternState[] = [{ kind: "match" }];
  let work = 0;
  const add = (state: PatternState): number => {
    if (states.length >= limits.patternStates) throw refused("That pattern is too large.");
    return states.push(state) - 1;
  };
  /** The number of the state where `node` begins, when `then` follows it. */
  const build = (node: Node, then: number): number => {
    // Repeats of nothing add no state and would take for ever all the same.
    if ((work += 1) > limits.patternStates * 10) throw refused("That pattern is too large.");
    switch (node.kind) {
      case "char":
        return add({ kind: "char", has: node.has, to: then });
      case "assert":
        return add({ kind: node.what, to: then });
      case "all":
        return node.parts.reduceRight((next, part) => build(part, next), then);
      case "any":
        return node.parts
          .map((part) => build(part, then))
          .reduceRight((or, to) => add({ kind: "split", to, or }));
      case "repeat":
        return buildRepeat(node, then);
    }
  };
  const buildRepeat = (
    { part, min, max }: Extract<Node, { kind: "repeat" }>,
    then: number,
  ): number => {
    let next = then;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = { kind: "split" as const, to: 0, or: then };
      next = add(loop);
      loop.to = build(part, next);
    } else {
      for (let n = min; n < max; n += 1) {
        next = add({ kind: "split", to: build(part, next), or: then });
      }
    }
    for (let n = 0; n < min; n += 1) next = build(part, next);
    return next;
  };
  return { start: build(node, 0), states };
}

/** By recursive descent; null where the text is no expression. */
function parse(source: string): Node | null {
  const text = Array.from(source.replace(/^\(\?[ims]+\)/, ""));
  let at = 0;
  let depth = 0;

  const alternatives = (): Node | null => {
    const parts: Node[] = [];
    do {
      const part = sequence();
      if (part === null) return null;
      parts.push(part);
    } while (text[at] === "|" && (at += 1));
    return parts.length === 1 ? (parts[0] ?? null) : { kind: "any", parts };
  };
  const sequence = (): Node | null => {
    const parts: Node[] = [];
    while (at < text.length && text[at] !== "|" && text[at] !== ")") {
      const atom = readAtom();
      const part = atom === null ? null : readRepeat(atom);
      if (part === null) return null;
      parts.push(part);
    }
    return { kind: "all", parts };
  };
  const readAtom = (): Node | null => {
    const character = text[at] ?? "";
    at += 1;
    if (character === "(") return group();
    if (character === "[") return readClass();
    if (character === "*" || character === "+" || character === "?") return null;
    if (character === "^") return { kind: "assert", what: "start" };
    if (character === "$") return { kind: "assert", what: "end" };
    if (character === ".") return { kind: "char", has: () => true };
    if (character !== "\\") return { kind: "char", has: literal(character) };
    if (text[at] === "b" || text[at] === "B") {
      at += 1;
      return { kind: "assert", what: text[at - 1] === "b" ? "edge" : "inner" };
    }
    const has = readEscape();
    return has === null ? null : { kind: "char", has };
  };
  const group = (): Node | null => {
    const special = /^\?(?::|<[A-Za-z]\w*>|P<[A-Za-z]\w*>)/.exec(text.slice(at, at + 80).join(""));
    if (special) at += special[0].length;
    else if (text[at] === "?") throw refused("Look-around is not supported in grep.");
    if ((depth += 1) > limits.jsonDepth) throw refused("That pattern is nested too deeply.");
    const inner = alternatives();
    depth -= 1;
    if (inner === null || text[at] !== ")") return null;
    at += 1;
    return inner;
  };
  const readRepeat = (part: Node): Node | null => {
    const counts = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(text.slice(at, at + 12).join(""));
    const sign = text[at] ?? "";
    let min = 0;
    let max = Number.POSITIVE_INFINITY;
    if (counts) {
      at += counts[0].length;
      min = Number(counts[1]);
      if (counts[2] === undefined) max = min;
      else if (counts[3] !== "") max = Number(counts[3]);
      if (max < min) return null;
    } else if (sign === "*" || sign === "+" || sign === "?") {
      at += 1;
      if (sign === "+") min = 1;
      if (sign === "?") max = 1;
    } else {
      return part;
    }
    // Whether it takes more or less does not change whether it matches.
    if (text[at] === "?") at += 1;
    return readRepeat({ kind: "repeat", part, min, max });
  };
  const readEscape = (): Has | null => {
    const character = text[at];
    at += 1;
    if (character === undefined) return null;
    if (/[1-9k]/.test(character)) throw refused("Back references are not supported in grep.");
    if (character === "p" || character === "P")
      throw refused("Unicode classes are not supported in grep.");
    const shorthand = shorthands.get(character.toLowerCase());
    if (shorthand !== undefined)
      return character === character.toLowerCase() ? shorthand : (code) => !shorthand(code);
    const hex = /^(?:x([0-9a-f]{2})|u([0-9a-f]{4}))/i.exec(text.slice(at - 1, at + 4).join(""));
    if (hex) {
      at += hex[0].length - 1;
      return literal(String.fromCodePoint(Number.parseInt(hex[1] ?? hex[2] ?? "", 16)));
    }
    return literal({ t: "\t", n: "\n", r: "\r", f: "\f", v: "\v" }[character] ?? character);
  };
  const readClass = (): Node | null => {
    const negated = text[at] === "^";
    if (negated) at += 1;
    const parts: Has[] = [];
    for (let first = true; first || text[at] !== "]"; first = false) {
      const from = text[at];
      at += 1;
      if (from === undefined) return null;
      if (from === "\\") {
        const has = readEscape();
        if (has === null) return null;
        parts.push(has);
      } else if (
        text[at] === "-" &&
        text[at + 1] !== undefined &&
        !"]\\".includes(text[at + 1] ?? "")
      ) {
        const to = text[at + 1] ?? "";
        at += 2;
        if (codeOf(to) < codeOf(from)) return null;
        parts.push(range(codeOf(from), codeOf(to)));
      } else {
        parts.push(literal(from));
      }
    }
    at += 1;
    return { kind: "char", has: (code) => parts.some((has) => has(code)) !== negated };
  };

  const node = alternatives();
  return at === text.length ? node : null;
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function literal(character: string): Has {
  const wanted = codeOf(character.toLowerCase());
  return (code) => code === wanted;
}

/** The text is in lower case, the range may be in upper. */
function range(from: number, to: number): Has {
  return (code) => {
    if (code >= from && code <= to) return true;
    const upper = codeOf(String.fromCodePoint(code).toUpperCase());
    return upper >= from && upper <= to;
  };
}

export function isWord(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 95;
}

const shorthands: ReadonlyMap<string, Has> = new Map([
  ["d", (code: number) => code >= 48 && code <= 57],
  ["w", isWord],
  ["s", (code: number) => code === 32 || (code >= 9 && code <= 13) || code === 0xa0],
]);

function refused(message: string): AppError {
  return new AppError("INVALID_ARGUMENT", message, {
    hint: "Use plain text, | between alternatives, classes, * + ? {m,n}, ^ and $.",
    details: { field: "grep" },
  });
}
