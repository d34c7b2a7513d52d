/** What is used of libheif's JavaScript form; the package's own types are generated and know nothing of what comes back. */
declare module "libheif-js/wasm-bundle.js" {
  export interface Libheif {
    readonly heif_error_code: { readonly heif_error_Ok: unknown };
    readonly heif_colorspace: { readonly heif_colorspace_RGB: unknown };
    readonly heif_chroma: { readonly heif_chroma_interleaved_RGB: unknown };
    heif_context_alloc(): unknown;
    heif_context_free(context: unknown): void;
    heif_context_read_from_memory(context: unknown, bytes: Uint8Array): { readonly code: unknown };
    heif_js_context_get_primary_image_handle(context: unknown): { readonly code?: unknown } | null;
    heif_image_handle_get_width(handle: unknown): number;
    heif_image_handle_get_height(handle: unknown): number;
    heif_image_handle_release(handle: unknown): void;
    heif_image_release(image: unknown): void;
    heif_js_decode_image2(handle: unknown, colorspace: unknown, chroma: unknown): Decoded;
  }

  interface Decoded {
    readonly code?: unknown;
    readonly image?: unknown;
    readonly channels?: readonly {
      readonly width: number;
      readonly height: number;
      readonly stride: number;
      readonly data: Uint8Array;
    }[];
  }

  const libheif: Libheif;
  export default libheif;
}
