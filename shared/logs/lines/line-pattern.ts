import { compilePattern, isWord } from "./pattern-program.ts";
import type { PatternProgram } from "./pattern-program.ts";

export interface LinePattern {
  matches(text: string): boolean;
}

/**
 * What `grep` means: the text itself or the regular expression it is, in any case. A text that is no expression is only
 * itself. Time is linear in the line, whatever the pattern. `INVALID_ARGUMENT` as `compilePattern` says.
 */
export function createLinePattern(source: string): LinePattern {
  const wanted = source.toLowerCase();
  const program = /[\\^$.|?*+()[\]{}]/.test(source) ? compilePattern(source) : null;
  const machine = program === null ? null : createMachine(program);
  // What matches nothing at all matches every line: `| 3/500` was meant as it stands.
  const finds = machine === null || machine("") ? null : machine;
  return {
    matches(text) {
      const lower = text.toLowerCase();
      return lower.includes(wanted) || (finds !== null && finds(lower));
    },
  };
}

/** What stands before or behind a place in the line. */
type Beside = "border" | "word" | "other";

/** Every state that the machine may be in at one place of the line. */
interface Place {
  readonly states: readonly number[];
  readonly before: Beside;
  /** By the next character's code; true where the pattern has matched before it. */
  readonly next: Map<number, Place | true>;
  atEnd: boolean | null;
}

/** Places are made as the text needs them, so most characters cost one look into a table. */
const placesKept = 1_000;
const followersKept = 512;

function createMachine(program: PatternProgram): (text: string) => boolean {
  const { states, start } = program;
  let places = new Map<string, Place>();

  const placeOf = (list: readonly number[], before: Beside): Place => {
    const key = `${before} ${list.join(" ")}`;
    let place = places.get(key);
    if (place === undefined) {
      if (places.size >= placesKept) places = new Map();
      place = { states: list, before, next: new Map(), atEnd: null };
      places.set(key, place);
    }
    return place;
  };
  /** Follows what takes no character; true when that reaches the match. */
  const reach = (from: readonly number[], before: Beside, after: Beside): Set<number> | true => {
    const seen = new Set<number>();
    const open = [...from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const state = states[at];
      if (state === undefined) continue;
      if (state.kind === "match") return true;
      if (state.kind === "char") continue;
      if (state.kind === "split") open.push(state.to, state.or);
      else if (holds(state.kind, before, after)) open.push(state.to);
    }
    return seen;
  };
  const step = (place: Place, code: number): Place | true => {
    const after = isWord(code) ? "word" : "other";
    const reached = reach(place.states, place.before, after);
    if (reached === true) return true;
    // The pattern may begin at any character.
    const list = new Set([start]);
    for (const at of reached) {
      const state = states[at];
      if (state?.kind === "char" && state.has(code)) list.add(state.to);
    }
    return placeOf(
      [...list].toSorted((a, b) => a - b),
      after,
    );
  };

  return (text) => {
    let place = placeOf([start], "border");
    for (let at = 0; at < text.length; at += 1) {
      const code = text.codePointAt(at) ?? 0;
      if (code > 0xffff) at += 1;
      let next = place.next.get(code);
      if (next === undefined) {
        next = step(place, code);
        if (place.next.size >= followersKept) place.next.clear();
        place.next.set(code, next);
      }
      if (next === true) return true;
      place = next;
    }
    place.atEnd ??= reach(place.states, place.before, "border") === true;
    return place.atEnd;
  };
}

function holds(what: "start" | "end" | "edge" | "inner", before: Beside, after: Beside): boolean {
  if (what === "start") return before === "border";
  if (what === "end") return after === "border";
  const edge = (before === "word") !== (after === "word");
  return what === "edge" ? edge : !edge;
}
