import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  logBegin,
  offsetToAsk,
  takeLog,
  takeLogEnd,
} from "../../../../gpu-agent/trainers/ai-toolkit-ui/ui-log.ts";
import type { LogPlace } from "../../../../gpu-agent/trainers/ai-toolkit-ui/ui-log.ts";

/** The route at 27a03a91: text of the bytes from the offset to the file's end, however they are cut. */
function route(file: Buffer, offset: number) {
  if (offset > file.length) return { log: file.toString("utf8"), offset: file.length, reset: true };
  return { log: file.subarray(offset).toString("utf8"), offset: file.length, reset: false };
}

/** Asks while the file grows to each of the lengths, and at its end; what was taken, and where a piece was lossy. */
function follow(whole: Buffer, lengths: readonly number[]) {
  let place: LogPlace = logBegin;
  let text = "";
  let lossy = false;
  for (const [at, length] of [...lengths, whole.length].entries()) {
    const taken = takeLog(
      place,
      route(whole.subarray(0, length), offsetToAsk(place)),
      at === lengths.length,
    );
    if (taken.kind !== "more") throw new Error(taken.kind);
    text += taken.text;
    lossy ||= taken.lossy;
    ({ place } = taken);
  }
  return { text, lossy, place };
}

describe("the UI's log", () => {
  it("is taken byte for byte, wherever the looks cut it, in the middle of a character too", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "\r", "\n", "█", "损", "🙂", "\u{fffd}", "é"), {
          maxLength: 200,
        }),
        fc.array(fc.nat(800), { maxLength: 12 }),
        (characters, cuts) => {
          const whole = Buffer.from(characters.join(""));
          const lengths = cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b);
          const { text, lossy, place } = follow(whole, lengths);
          expect(Buffer.from(text).equals(whole)).toBe(true);
          expect(lossy).toBe(false);
          expect(place.offset).toBe(whole.length);
        },
      ),
    );
  });

  it("waits with a character of which only a part is written", () => {
    const whole = Buffer.from("损失");
    const taken = takeLog(logBegin, route(whole.subarray(0, 4), 0), false);
    expect(taken).toMatchObject({ kind: "more", text: "损", place: { offset: 3 } });
  });

  it("says that bytes which are no UTF-8 came as something else, and goes on behind them", () => {
    const bytes = Buffer.concat([Buffer.from("a"), Buffer.from([0xff, 0xfe]), Buffer.from("b")]);
    const taken = takeLog(logBegin, route(bytes, 0), false);
    expect(taken).toMatchObject({ kind: "more", lossy: true, place: { offset: 4, overlap: "" } });
    if (taken.kind !== "more") return;
    const more = Buffer.concat([bytes, Buffer.from("c\n")]);
    expect(takeLog(taken.place, route(more, offsetToAsk(taken.place)), false)).toMatchObject({
      text: "c\n",
      lossy: false,
    });
  });

  it("notices another file under the same offset, shorter or longer than the old one", () => {
    const old = Buffer.from("the first run\nits bar 1/10\n");
    const taken = takeLog(logBegin, route(old, 0), false);
    if (taken.kind !== "more") throw new Error(taken.kind);
    const asked = offsetToAsk(taken.place);
    expect(takeLog(taken.place, route(Buffer.from("new\n"), asked), false).kind).toBe("replaced");
    // Fully behind its end.
    const late = { offset: 500, overlap: "its bar 1/10\n" };
    expect(takeLog(late, route(Buffer.from("new\n"), offsetToAsk(late)), false).kind).toBe(
      "replaced",
    );
    const longer = Buffer.from("another run that has written more than the first one had\n");
    const middle = { offset: 27, overlap: "10\n" };
    expect(takeLog(middle, route(longer, offsetToAsk(middle)), false).kind).toBe("replaced");
  });

  it("takes neither a missing file nor the route's own words for the log", () => {
    const place = { offset: 9, overlap: "x" };
    for (const log of ["", "Error reading log file"])
      expect(takeLog(place, { log, offset: 0, reset: true }, false).kind).toBe("absent");
  });

  it("does not take the zero bytes of a file that was shortened while it was read", () => {
    const answer = { log: "abc\0\0\0", offset: 6, reset: false };
    expect(takeLog(logBegin, answer, false)).toMatchObject({
      text: "abc",
      place: { offset: 3 },
      lossy: false,
    });
  });

  it("takes the end of a log that is too long, and says how much is missing", () => {
    const taken = takeLogEnd({ log: "last line\n", offset: 1_000, reset: true });
    expect(taken).toMatchObject({ kind: "end", text: "last line\n", skippedBytes: 990 });
  });
});
