/** One line of a stdio client; null when it was longer than allowed and is gone. */
export type MessageLine = string | null;

const newline = 0x0a;

/**
 * Lines of an MCP stdio stream, without empty ones. Only LF ends a line: Node's readline also cuts at U+2028, which JSON may
 * hold. Of a line over `maxBytes` nothing is kept.
 */
export async function* messageLines(
  input: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<MessageLine> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (piece: Uint8Array): void => {
    length += piece.length;
    if (length <= maxBytes) parts.push(piece);
    else parts = [];
  };
  const finish = (): MessageLine => {
    const line = length > maxBytes ? null : Buffer.concat(parts).toString("utf8").trim();
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of input) {
    let from = 0;
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, at));
      from = at + 1;
      const line = finish();
      if (line !== "") yield line;
    }
    take(chunk.subarray(from));
  }
  const last = finish();
  if (last !== "") yield last;
}
