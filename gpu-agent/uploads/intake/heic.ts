import { readFile, stat, writeFile } from "node:fs/promises";
import { heifColourProfile } from "@trainyard/shared/dataset/heif-profile.ts";
import { withJpegProfile } from "@trainyard/shared/dataset/jpeg-profile.ts";
import type { Libheif } from "libheif-js/wasm-bundle.js";
import { limits } from "@trainyard/shared/limits.ts";
import { loadSharp } from "../../files/load-sharp.ts";
import { refusalOf } from "./refusals.ts";

/**
 * HEIC to JPEG: sharp's own libvips comes without the decoder for it, so libheif in WebAssembly decodes, turned as the file says, and
 * sharp encodes. The colour profile goes along; EXIF, with the place where a photo was taken, does not. A photo of 12 megapixels takes
 * about a second and 160 MiB, one of 48 three seconds and 400 MiB. Throws IMAGE_CORRUPT, IMAGE_TOO_LARGE.
 */
export async function convertHeic(path: string, output: string, quality: number): Promise<void> {
  if ((await stat(path)).size > limits.imageFileBytes) throw refusalOf("IMAGE_TOO_LARGE");
  const bytes = await readFile(path);
  const { width, height, pixels } = await decode(bytes);
  const sharp = await loadSharp();
  const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: "4:4:4" })
    .toBuffer();
  const profile = heifColourProfile(bytes);
  await writeFile(output, profile === null ? jpeg : withJpegProfile(jpeg, profile));
}

async function decode(
  bytes: Uint8Array,
): Promise<{ readonly width: number; readonly height: number; readonly pixels: Uint8Array }> {
  const libheif = await loadLibheif();
  const context = libheif.heif_context_alloc();
  let handle: unknown = null;
  try {
    const read = libheif.heif_context_read_from_memory(context, bytes);
    if (read.code !== libheif.heif_error_code.heif_error_Ok) throw refusalOf("IMAGE_CORRUPT");
    const primary = libheif.heif_js_context_get_primary_image_handle(context);
    if (primary === null || primary.code !== undefined) throw refusalOf("IMAGE_CORRUPT");
    handle = primary;
    const width = libheif.heif_image_handle_get_width(handle);
    const height = libheif.heif_image_handle_get_height(handle);
    if (width * height > limits.imagePixels || Math.max(width, height) > limits.imageSide) {
      throw refusalOf("IMAGE_TOO_LARGE");
    }
    const decoded = libheif.heif_js_decode_image2(
      handle,
      libheif.heif_colorspace.heif_colorspace_RGB,
      libheif.heif_chroma.heif_chroma_interleaved_RGB,
    );
    const [plane] = decoded.channels ?? [];
    if (decoded.code !== undefined || plane === undefined) throw refusalOf("IMAGE_CORRUPT");
    const pixels = withoutPadding(plane.data, plane.stride, plane.width * 3, plane.height);
    libheif.heif_image_release(decoded.image);
    return { width: plane.width, height: plane.height, pixels };
  } finally {
    if (handle !== null) libheif.heif_image_handle_release(handle);
    libheif.heif_context_free(context);
  }
}

/** Rows may be longer than their pixels; always a copy, since the decoder's memory is used again. */
function withoutPadding(
  data: Uint8Array,
  stride: number,
  rowBytes: number,
  rows: number,
): Uint8Array {
  if (stride === rowBytes) return data.slice(0, rowBytes * rows);
  const pixels = new Uint8Array(rowBytes * rows);
  for (let row = 0; row < rows; row += 1) {
    pixels.set(data.subarray(row * stride, row * stride + rowBytes), row * rowBytes);
  }
  return pixels;
}

let loaded: Promise<Libheif> | null = null;

/** 1.4 MB of WebAssembly, LGPL: a package of its own that is loaded when the first HEIC comes. */
function loadLibheif(): Promise<Libheif> {
  loaded ??= import("libheif-js/wasm-bundle.js").then(({ default: libheif }) => libheif);
  return loaded;
}
