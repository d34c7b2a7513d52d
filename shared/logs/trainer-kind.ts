import type { LogTool } from "./log-report.ts";

/** The sentence or the form by which a trainer gives itself away; the first that fits stays. */
const marks: readonly (readonly [LogTool, RegExp])[] = [
  [
    "ai-toolkit",
    /^# Running job: |^Running +\d+ (?:jobs?|process)|^Trainyard tiny trainer|toolkit[/\\]run\.py/,
  ],
  ["unsloth", /Unsloth(?::| - \dx faster| 20\d\d\.)|==\(\(====\)\)==/],
  ["musubi-tuner", /musubi|hv_train_network|wan_train_network|qwen_image_train_network/i],
  [
    "sd-scripts",
    /kohya|sd-scripts|DreamBooth method\.|正則化画像|running training \/ 学習開始|train_network\.py|sdxl_train|flux_train_network/i,
  ],
  ["mlx-lm", /^Starting training\.\.\., iters: |^Iter \d+: (?:Train|Val) loss |mlx_lm/],
  [
    "hf-trainer",
    /^\{'(?:loss|eval_loss|train_runtime)': |transformers[/\\]trainer\.py|trl[/\\]trainer|^\*{5} Running training \*{5}/,
  ],
];

/** Which trainer a line comes from; null when it could be any. */
export function trainerOf(line: string): LogTool | null {
  for (const [tool, mark] of marks) if (mark.test(line)) return tool;
  return null;
}
