import { readSync } from "node:fs";
import sharp from "sharp";
import type { OutputInfo, OverlayOptions } from "sharp";
import { limits } from "@trainyard/shared/limits.ts";
import { openInside } from "../safe-path.ts";
import { drawText } from "./digit-font.ts";
import { cellPlace, sheetLayout } from "./sheet-layout.ts";
import type { SheetLayout } from "./sheet-layout.ts";
import type { SheetAnswer, SheetRequest } from "./sheet-messages.ts";

const background = { r: 24, g: 24, b: 27 };
const empty = { r: 52, g: 52, b: 58 };
/** Of JPEG; below it faces fall apart, and a smaller picture says more. */
const qualities = [84, 74, 62];
const scales = [1, 0.8, 0.62, 0.48, 0.36];

/** One picture of all, steps to the right and prompts downwards, within `maxBytes`. */
export async function composeSheet(
  request: SheetRequest,
): Promise<NonNullable<SheetAnswer["sheet"]>> {
  let smallest: Buffer | null = null;
  for (const scale of scales) {
    const layout = sheetLayout(request.steps.length, request.prompts.length, scale);
    const { sheet, missing } = await draw(request, layout);
    for (const quality of qualities) {
      const jpeg = await sharp(sheet.data, { raw: sheet.info })
        .jpeg({ quality, mozjpeg: true })
        .toBuffer();
      smallest = jpeg;
      if (jpeg.byteLength > request.maxBytes) continue;
      const { width, height } = layout;
      return { jpeg: jpeg.toString("base64"), width, height, missing };
    }
  }
  throw new Error(`the sheet does not fit: ${smallest?.byteLength ?? 0} bytes`);
}

async function draw(
  request: SheetRequest,
  layout: SheetLayout,
): Promise<{
  readonly sheet: { readonly data: Buffer; readonly info: OutputInfo };
  readonly missing: number;
}> {
  let missing = 0;
  const overlays: OverlayOptions[] = [...heads(request, layout)];
  for (const { column, row, root, segments } of request.cells) {
    const picture = await pictureOf(root, segments, layout.cell).catch(() => null);
    if (picture === null) missing += 1;
    else overlays.push({ input: picture, ...cellPlace(layout, column, row) });
  }
  const { width, height } = layout;
  // What letters are laid over gets a fourth channel: `info` says so.
  const sheet = await sharp({ create: { width, height, channels: 3, background } })
    .composite(overlays)
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { sheet, missing };
}

/** Fitted into its cell, first frame of what moves. A bomb or a torn file ends as an empty cell. */
async function pictureOf(root: string, segments: readonly string[], cell: number): Promise<Buffer> {
  const file = openInside(root, segments);
  try {
    if (file.stat.size > limits.samplePictureBytes) throw new Error("too large");
    const bytes = Buffer.alloc(file.stat.size);
    let read = 0;
    while (read < bytes.byteLength) {
      const count = readSync(file.descriptor, bytes, read, bytes.byteLength - read, read);
      if (count === 0) throw new Error("cut off");
      read += count;
    }
    return await sharp(bytes, { limitInputPixels: limits.picturePixels, pages: 1 })
      .rotate()
      .flatten({ background: empty })
      .resize(cell, cell, { fit: "contain", background: empty })
      .png({ compressionLevel: 1 })
      .toBuffer();
  } finally {
    file.close();
  }
}

function heads({ steps, prompts }: SheetRequest, layout: SheetLayout): OverlayOptions[] {
  const { cell, gap, headHeight, sideWidth } = layout;
  return [
    ...steps.map((step, column) => {
      const full = drawText(`step ${step}`, 2);
      const text =
        full.width <= cell ? full : drawText(String(step), full.width <= cell * 2 ? 2 : 1);
      return overlay(text, {
        left: sideWidth + gap + column * (cell + gap) + Math.max(0, (cell - text.width) >> 1),
        top: (headHeight - text.height) >> 1,
      });
    }),
    ...prompts.map((prompt, row) => {
      const text = drawText(`#${prompt}`, prompt > 99 ? 1 : 2);
      return overlay(text, {
        left: Math.max(0, (sideWidth - text.width) >> 1),
        top: headHeight + gap + row * (cell + gap) + ((cell - text.height) >> 1),
      });
    }),
  ];
}

function overlay(
  { width, height, pixels }: ReturnType<typeof drawText>,
  place: { readonly left: number; readonly top: number },
): OverlayOptions {
  const rgba = Buffer.alloc(width * height * 4, 235);
  for (let at = 0; at < pixels.length; at += 1) rgba[at * 4 + 3] = pixels[at] as number;
  return { input: rgba, raw: { width, height, channels: 4 }, ...place };
}
