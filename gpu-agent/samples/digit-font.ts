/**
 * The few letters that a contact sheet needs, five by seven. Boxes for training are often containers without a single font, and text
 * drawn there comes out as nothing.
 */
const glyphs: Readonly<Record<string, readonly string[]>> = {
  "0": [" ### ", "#   #", "#  ##", "# # #", "##  #", "#   #", " ### "],
  "1": ["  #  ", " ##  ", "  #  ", "  #  ", "  #  ", "  #  ", " ### "],
  "2": [" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"],
  "3": ["#####", "   # ", "  #  ", "   # ", "    #", "#   #", " ### "],
  "4": ["   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "],
  "5": ["#####", "#    ", "#### ", "    #", "    #", "#   #", " ### "],
  "6": ["  ## ", " #   ", "#    ", "#### ", "#   #", "#   #", " ### "],
  "7": ["#####", "    #", "   # ", "  #  ", " #   ", " #   ", " #   "],
  "8": [" ### ", "#   #", "#   #", " ### ", "#   #", "#   #", " ### "],
  "9": [" ### ", "#   #", "#   #", " ####", "    #", "   # ", " ##  "],
  "#": [" # # ", " # # ", "#####", " # # ", "#####", " # # ", " # # "],
  s: ["     ", "     ", " ####", "#    ", " ### ", "    #", "#### "],
  t: [" #   ", " #   ", "###  ", " #   ", " #   ", " #  #", "  ## "],
  e: ["     ", "     ", " ### ", "#   #", "#####", "#    ", " ### "],
  p: ["     ", "     ", "#### ", "#   #", "#### ", "#    ", "#    "],
  " ": ["     ", "     ", "     ", "     ", "     ", "     ", "     "],
};

const columns = 6;
const rows = 7;

export interface DrawnText {
  readonly width: number;
  readonly height: number;
  /** One byte a pixel, 0 or 255. */
  readonly pixels: Buffer;
}

/** Letters that are not there are left out. */
export function drawText(text: string, size: number): DrawnText {
  const letters = Array.from(text).flatMap((letter) => glyphs[letter] ?? []);
  const count = letters.length / rows;
  const width = Math.max(1, count * columns * size);
  const height = rows * size;
  const pixels = Buffer.alloc(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const column = Math.floor(x / size);
      const line = letters[Math.floor(column / columns) * rows + Math.floor(y / size)];
      if (line?.[column % columns] === "#") pixels[y * width + x] = 255;
    }
  }
  return { width, height, pixels };
}
