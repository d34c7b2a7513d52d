/**
 * AI Toolkit's caches beside the images (commit 27a03a91, toolkit/dataloader_mixins.py): `<stem>_<hash>.safetensors`, the hash 22
 * characters of base64url over the file's name, its bucket and the model's latent space, and not over its content: a replaced
 * image of the same name and size is trained as the old one. Text embeddings are named by the caption itself and are never stale.
 */
export const latentCacheFolders = ["_latent_cache", "_clip_vision_cache"] as const;

/** The stem of the image that a cached file is of; null for a file of another name. */
export function cachedStem(name: string): string | null {
  return /^(.+)_[A-Za-z0-9_-]{22}\.safetensors$/s.exec(name)?.[1] ?? null;
}

/** Made before the image became what it is. `changedAtMs` is the file's ctime: a copy can set its mtime back, never this. */
export function isStaleCache(
  cache: { readonly modifiedAtMs: number },
  image: { readonly changedAtMs: number; readonly modifiedAtMs: number },
): boolean {
  return cache.modifiedAtMs < Math.max(image.changedAtMs, image.modifiedAtMs);
}
