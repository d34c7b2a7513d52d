import sharp from "sharp";

export interface DemoPicture {
  readonly filename: string;
  readonly caption: string;
  readonly png: Buffer;
}

const shapes = [
  { word: "circle", draw: (colour: string) => `<circle cx="32" cy="32" r="20" fill="${colour}"/>` },
  {
    word: "square",
    draw: (colour: string) => `<rect x="14" y="14" width="36" height="36" fill="${colour}"/>`,
  },
  {
    word: "triangle",
    draw: (colour: string) => `<path d="M32 10 L54 52 L10 52 Z" fill="${colour}"/>`,
  },
];
const colours = [
  { word: "red", shape: "#e4572e", ground: "#f3e9d2" },
  { word: "blue", shape: "#2e6fe4", ground: "#1b1b2f" },
];

/** Six small pictures with captions: enough to see the loss fall and the samples turn into shapes. */
export async function demoPictures(): Promise<DemoPicture[]> {
  return Promise.all(
    colours.flatMap((colour) =>
      shapes.map(async (shape) => ({
        filename: `${colour.word}-${shape.word}.png`,
        caption: `a ${colour.word} ${shape.word}`,
        png: await sharp(
          Buffer.from(
            `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="${colour.ground}"/>${shape.draw(colour.shape)}</svg>`,
          ),
        )
          .png()
          .toBuffer(),
      })),
    ),
  );
}
