/**
 * What a picture looks like, short enough to compare thousands: 64 signs of its coarse brightness (pHash: the lowest cosine
 * frequencies of a 32 × 32 thumbnail, above or below their median) and the colours of a 4 × 4 grid. Two numbers decide, since
 * either alone is fooled: flat pictures have arbitrary signs, and many photos share their colours.
 */
export const thumbnailSide = 32;
const signs = 8;
const gridSide = 4;
/** Bytes of the colour grid. */
export const colourCount = 3 * gridSide * gridSide;
const cell = thumbnailSide / gridSide;

/** RGB bytes of the 32 × 32 thumbnail, row by row, in the file's own orientation. Hex: 16 digits of signs, 96 of colours. */
export function perceptualHash(rgb: Uint8Array, orientation: number): string {
  const turned = turn(rgb, orientation);
  return signsOf(turned) + coloursOf(turned);
}

/** Bits that are set in 32. */
export function bitsOf(word: number): number {
  let left = word - ((word >>> 1) & 0x55555555);
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333);
  return Math.imul((left + (left >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Cosines of the DCT-II, once. */
const cosines: readonly (readonly number[])[] = Array.from({ length: signs + 1 }, (_, k) =>
  Array.from({ length: thumbnailSide }, (_, n) =>
    Math.cos((Math.PI * (2 * n + 1) * k) / (2 * thumbnailSide)),
  ),
);

function signsOf(rgb: Uint8Array): string {
  const rows: number[][] = [];
  for (let y = 0; y < thumbnailSide; y += 1) {
    const light: number[] = [];
    for (let x = 0; x < thumbnailSide; x += 1) {
      const at = 3 * (y * thumbnailSide + x);
      light.push(0.299 * (rgb[at] ?? 0) + 0.587 * (rgb[at + 1] ?? 0) + 0.114 * (rgb[at + 2] ?? 0));
    }
    rows.push(
      cosines.map((wave) => wave.reduce((sum, value, x) => sum + value * (light[x] ?? 0), 0)),
    );
  }
  const frequencies: number[] = [];
  // Without the means of rows and columns: they are brightness, and cropping moves them.
  for (let v = 1; v <= signs; v += 1) {
    for (let u = 1; u <= signs; u += 1) {
      frequencies.push(
        (cosines[v] ?? []).reduce((sum, value, y) => sum + value * (rows[y]?.[u] ?? 0), 0),
      );
    }
  }
  const sorted = [...frequencies].sort((a, b) => a - b);
  const median = ((sorted[31] ?? 0) + (sorted[32] ?? 0)) / 2;
  let hex = "";
  for (let at = 0; at < 64; at += 4) {
    let digit = 0;
    for (let bit = 0; bit < 4; bit += 1)
      digit = digit * 2 + ((frequencies[at + bit] ?? 0) > median ? 1 : 0);
    hex += digit.toString(16);
  }
  return hex;
}

function coloursOf(rgb: Uint8Array): string {
  let hex = "";
  for (let row = 0; row < gridSide; row += 1) {
    for (let column = 0; column < gridSide; column += 1) {
      for (let colour = 0; colour < 3; colour += 1) {
        let sum = 0;
        for (let y = row * cell; y < (row + 1) * cell; y += 1)
          for (let x = column * cell; x < (column + 1) * cell; x += 1)
            sum += rgb[3 * (y * thumbnailSide + x) + colour] ?? 0;
        hex += Math.round(sum / (cell * cell))
          .toString(16)
          .padStart(2, "0");
      }
    }
  }
  return hex;
}

/** EXIF orientations 1 to 8 of a square. */
function turn(rgb: Uint8Array, orientation: number): Uint8Array {
  if (orientation <= 1 || orientation > 8) return rgb;
  const last = thumbnailSide - 1;
  const out = new Uint8Array(rgb.length);
  for (let y = 0; y < thumbnailSide; y += 1) {
    for (let x = 0; x < thumbnailSide; x += 1) {
      const [a, b] = orientation >= 5 ? [y, x] : [x, y];
      const mirrorX = [2, 3, 7, 8].includes(orientation);
      const mirrorY = [3, 4, 6, 7].includes(orientation);
      const from = 3 * ((mirrorY ? last - b : b) * thumbnailSide + (mirrorX ? last - a : a));
      const to = 3 * (y * thumbnailSide + x);
      for (let colour = 0; colour < 3; colour += 1) out[to + colour] = rgb[from + colour] ?? 0;
    }
  }
  return out;
}
