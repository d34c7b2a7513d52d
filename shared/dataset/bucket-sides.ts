/**
 * What a bucket's sides are multiples of, by `model.arch` (commit 27a03a91, `get_bucket_divisibility` of each model's class). An
 * arch without an entry is loaded by the Stable Diffusion class, as the toolkit does.
 */
export function bucketSides(arch: string | null): number {
  const key = arch?.split(":", 1)[0]?.trim().toLowerCase() ?? "";
  return thirtyTwo.has(key) ? 32 : 16;
}

const thirtyTwo: ReadonlySet<string> = new Set(
  (
    "flux flex1 sd3 wan22_5b qwen_image qwen_image_edit qwen_image_edit_plus chroma chroma_radiance ltx2 ltx2.3 ltx2.5 " +
    "minimax_h3 minimax_h3_ref2va anima ernie_image nucleus_image hidream_o1 zeta_chroma"
  ).split(" "),
);
