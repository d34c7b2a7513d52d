/**
 * The bucket that AI Toolkit puts an image into (commit 27a03a91, toolkit/buckets.py): as large as the image or the resolution's
 * square, whichever is smaller, so nothing is scaled up; each side a multiple of `sides`, of the four roundings the one whose
 * area is nearest and not above the square. The image is scaled to cover it and cropped in the middle.
 */
export function bucketOf(
  width: number,
  height: number,
  resolution: number,
  sides: number,
): { readonly width: number; readonly height: number } {
  const pixels = width * height;
  const most = resolution * resolution;
  const wanted = Math.min(pixels, most);
  const scale = Math.sqrt(wanted / pixels);
  const [w, h] = [(width * scale) / sides, (height * scale) / sides];
  const candidates = [
    [Math.floor(w) * sides, Math.floor(h) * sides],
    [Math.floor(w) * sides, Math.ceil(h) * sides],
    [Math.ceil(w) * sides, Math.floor(h) * sides],
    [Math.ceil(w) * sides, Math.ceil(h) * sides],
  ] as const;
  let best: readonly [number, number] | null = null;
  for (const one of candidates) {
    if (one[0] <= 0 || one[1] <= 0 || one[0] * one[1] > most) continue;
    const nearer = best === null || off(one, wanted) < off(best, wanted);
    if (nearer) best = one;
  }
  // A strip thinner than one multiple still trains.
  best ??= [Math.max(sides, Math.floor(w) * sides), Math.max(sides, Math.floor(h) * sides)];
  return { width: best[0], height: best[1] };
}

function off([width, height]: readonly [number, number], wanted: number): number {
  return Math.abs(width * height - wanted);
}

interface BucketGroup {
  readonly width: number;
  readonly height: number;
  readonly images: number;
}

export interface BucketPlan {
  readonly resolution: number;
  /** Largest first. */
  readonly buckets: readonly BucketGroup[];
  readonly images: number;
  /** Smaller than the resolution's square: they train at their own size. */
  readonly smaller: number;
  /** Mean share of a picture that the crop takes away, 0 to 1. */
  readonly croppedRatio: number;
}

/** All images of one resolution, as the toolkit makes one dataset of each. */
export function bucketPlan(
  sizes: readonly { readonly width: number; readonly height: number }[],
  resolution: number,
  sides: number,
): BucketPlan {
  const groups = new Map<string, { width: number; height: number; images: number }>();
  let smaller = 0;
  let cropped = 0;
  for (const size of sizes) {
    const bucket = bucketOf(size.width, size.height, resolution, sides);
    const key = `${bucket.width}x${bucket.height}`;
    const group = groups.get(key) ?? { ...bucket, images: 0 };
    groups.set(key, { ...group, images: group.images + 1 });
    if (size.width * size.height < resolution * resolution) smaller += 1;
    const cover = Math.max(bucket.width / size.width, bucket.height / size.height);
    cropped += 1 - (bucket.width * bucket.height) / (size.width * cover * size.height * cover);
  }
  return {
    resolution,
    buckets: [...groups.values()].sort(
      (a, b) => b.images - a.images || b.width * b.height - a.width * a.height || b.width - a.width,
    ),
    images: sizes.length,
    smaller,
    croppedRatio: sizes.length === 0 ? 0 : cropped / sizes.length,
  };
}
