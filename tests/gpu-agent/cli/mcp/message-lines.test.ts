import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageLines } from "../../../../gpu-agent/cli/mcp/message-lines.ts";

async function linesOf(
  chunks: readonly Uint8Array[],
  maxBytes = 1_000,
): Promise<(string | null)[]> {
  const lines: (string | null)[] = [];
  for await (const line of messageLines(Readable.from(chunks), maxBytes)) lines.push(line);
  return lines;
}

describe("messageLines", () => {
  it("gives the same lines however the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.json(), { maxLength: 5 }),
        fc.integer({ min: 1, max: 7 }),
        async (texts, size) => {
          const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(""));
          const chunks: Buffer[] = [];
          for (let at = 0; at < bytes.length; at += size)
            chunks.push(bytes.subarray(at, at + size));

          expect(await linesOf(chunks, 1_000_000)).toEqual(texts.map((text) => text.trim()));
        },
      ),
      { seed: 6, numRuns: 200 },
    );
  });

  it("cuts at LF alone, keeps U+2028, and drops CR and empty lines", async () => {
    expect(await linesOf([Buffer.from('"a\u2028b"\r\n\n  \n"ü"')])).toEqual(['"a\u2028b"', '"ü"']);
  });

  it("keeps nothing of a line that is too long, and all of the next", async () => {
    const long = Buffer.from(`${"x".repeat(40)}\n`);

    expect(
      await linesOf([long.subarray(0, 15), long.subarray(15), Buffer.from("ok\n")], 10),
    ).toEqual([null, "ok"]);
  });
});
