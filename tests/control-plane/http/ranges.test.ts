import { describe, expect, it } from "vitest";
import { multipartOf, parseRanges } from "../../../control-plane/http/ranges.ts";

describe("parseRanges", () => {
  it.each([[null], [""], ["pages=1-2"], ["items 1-2"]])("%j means the whole file", (header) => {
    expect(parseRanges(header, 10)).toBeNull();
  });

  it.each([
    ["bytes=0-0", [[0, 1]]],
    ["Bytes = 2 - 5", [[2, 6]]],
    ["bytes=5-", [[5, 10]]],
    ["bytes=-3", [[7, 10]]],
    ["bytes=-99", [[0, 10]]],
    ["bytes=8-99", [[8, 10]]],
    [
      "bytes=7-8,0-1",
      [
        [7, 9],
        [0, 2],
      ],
    ],
    ["bytes=0-1,50-60", [[0, 2]]],
    ["bytes=4-6,0-4", [[0, 7]]],
    ["bytes=0-1,2-3", [[0, 4]]],
    [
      "bytes=9-,0-2,1-3",
      [
        [0, 4],
        [9, 10],
      ],
    ],
  ])("reads %s", (header, expected) => {
    expect(parseRanges(header, 10)?.map(({ start, end }) => [start, end])).toEqual(expected);
  });

  it.each([
    ["bytes=", 10],
    ["bytes=x", 10],
    ["bytes=3-2", 10],
    ["bytes=0-1,3-2", 10],
    ["bytes=10-", 10],
    ["bytes=-0", 10],
    ["bytes=0-", 0],
    ["bytes=-5", 0],
    [`bytes=${"0-0,".repeat(16)}5-6`, 10],
    [`bytes=${"9".repeat(16)}-`, 10],
  ])("refuses %s of %i bytes", (header, bytes) => {
    expect(() => parseRanges(header, bytes)).toThrow(
      expect.objectContaining({ code: "RANGE_INVALID", details: { bytes } }),
    );
  });
});

it("a multipart body is as long as it says", () => {
  const ranges = [
    { start: 0, end: 3 },
    { start: 90, end: 100 },
  ];
  const { heads, tail, bytes } = multipartOf(ranges, { bytes: 100, type: "text/plain" }, "b");
  const text = heads.map((head) => new TextDecoder().decode(head));

  expect(bytes).toBe(text.join("").length + tail.byteLength + 13);
  expect(text[1]).toBe(
    "\r\n--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 90-99/100\r\n\r\n",
  );
});
