/** Of a segment's 65,535 bytes two are its length; the name, a number and a count stand before the profile's piece (ICC.1, B.4). */
const pieceBytes = 65_535 - 2 - 14;
const name = new TextEncoder().encode("ICC_PROFILE\0");

/** The JPEG with an ICC profile behind its first marker, in as many APP2 segments as it needs; unchanged where it cannot hold it. */
export function withJpegProfile(jpeg: Uint8Array, profile: Uint8Array): Uint8Array {
  const pieces = Math.ceil(profile.byteLength / pieceBytes);
  const isJpeg = jpeg[0] === 0xff && jpeg[1] === 0xd8;
  if (!isJpeg || pieces === 0 || pieces > 255) return jpeg;
  const segments: Uint8Array[] = [];
  for (let piece = 0; piece < pieces; piece += 1) {
    const part = profile.subarray(piece * pieceBytes, (piece + 1) * pieceBytes);
    const length = 2 + name.byteLength + 2 + part.byteLength;
    const head = [0xff, 0xe2, length >> 8, length & 0xff, ...name, piece + 1, pieces];
    segments.push(Uint8Array.from(head), part);
  }
  const all = [jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)];
  const joined = new Uint8Array(all.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const one of all) {
    joined.set(one, at);
    at += one.byteLength;
  }
  return joined;
}
