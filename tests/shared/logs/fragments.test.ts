import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createFragmenter,
  type Fragment as Cut,
  stripEscapes,
} from "../../../shared/logs/fragments.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Fragment {
  text: string;
  endedBy: string;
  continued: boolean;
}

/** How a fragment lies in its source depends on the reads; what it says does not. */
const said = ({ text, endedBy, continued }: Cut): Fragment => ({ text, endedBy, continued });

function whole(bytes: Uint8Array, maxBytes?: number): Fragment[] {
  const fragmenter = createFragmenter(undefined, maxBytes);
  return [...fragmenter.push(bytes), ...fragmenter.flush()].map(said);
}

/** Pushed in pieces, the state going through JSON between any two. */
function inPieces(bytes: Uint8Array, cuts: readonly number[], maxBytes?: number): Fragment[] {
  const fragments: Cut[] = [];
  let fragmenter = createFragmenter(undefined, maxBytes);
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    fragments.push(...fragmenter.push(bytes.subarray(from, cut)));
    fragmenter = createFragmenter(JSON.parse(JSON.stringify(fragmenter.state())), maxBytes);
    from = cut;
  }
  return [...fragments, ...fragmenter.push(bytes.subarray(from)), ...fragmenter.flush()].map(said);
}

describe("createFragmenter", () => {
  it("splits on newline and carriage return and says where and why", () => {
    expect(whole(encode("a\rbc\n\nd"))).toEqual([
      { text: "a", endedBy: "\r", continued: false },
      { text: "bc", endedBy: "\n", continued: false },
      { text: "", endedBy: "\n", continued: false },
      { text: "d", endedBy: "end", continued: false },
    ]);
  });

  it("gives the same fragments for every cut and every pair of state and bytes", () => {
    const bytes = encode("损失 loss: 1\r█▏ 50%|\u001b[A\n\u0000é🚂\r\n尾巴");
    const expected = whole(bytes);

    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(inPieces(bytes, [cut])).toEqual(expected);
    }
    expect(inPieces(bytes, [...bytes.keys()])).toEqual(expected);
  });

  it("cuts an overlong run between two characters and flags what continues it", () => {
    const fragments = whole(encode("ab€€\nx"), 6);

    expect(fragments.map(({ text, endedBy, continued }) => [text, endedBy, continued])).toEqual([
      ["ab€", "cut", false],
      ["€", "\n", true],
      ["x", "end", false],
    ]);
  });

  it("turns bytes that are no UTF-8 into replacement characters", () => {
    expect(whole(new Uint8Array([0x61, 0xff, 0x62, 0x0a]))[0]?.text).toBe("a\ufffdb");
  });

  it("keeps 20 MB without a newline in a bounded state", () => {
    const fragmenter = createFragmenter();
    const chunk = encode("x€".repeat(16_384));
    let bytes = 0;
    let cuts = 0;
    while (bytes < 20_000_000) {
      cuts += fragmenter.push(chunk).length;
      bytes += chunk.length;
      expect(fragmenter.state().carry.length).toBeLessThanOrEqual(65_536);
    }

    expect(cuts).toBe(Math.floor(bytes / 65_534));
  });

  it("gives the same for any bytes, cuts and bound", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat({ max: 200 }), { maxLength: 8 }),
        fc.integer({ min: 4, max: 64 }),
        (bytes, cuts, maxBytes) => {
          expect(
            inPieces(
              bytes,
              cuts.map((cut) => Math.min(cut, bytes.length)),
              maxBytes,
            ),
          ).toEqual(whole(bytes, maxBytes));
        },
      ),
    );
  });

  it("looks at the unfinished end without taking it", () => {
    const fragmenter = createFragmenter();
    fragmenter.push(new Uint8Array([0x61, 0xe2, 0x82]));

    expect(fragmenter.peek()?.text).toBe("a");
    expect(fragmenter.push(new Uint8Array([0xac, 0x0a]))[0]?.text).toBe("a€");
  });
});

describe("stripEscapes", () => {
  it.each([
    ["\u001b[31mred\u001b[0m", "red"],
    ["up\u001b[A", "up"],
    ["\u001b]8;;https://x\u0007link\u001b]8;;\u001b\\", "link"],
    ["\u001b]0;title never ended", ""],
    ["\u009b2Kline", "line"],
    ["\u001b(Bplain\u001b", "plain"],
  ])("[B60] %j becomes %j", (text, expected) => {
    expect(stripEscapes(text)).toBe(expected);
  });
});
