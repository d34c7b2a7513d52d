/**
 * Lines that only a trainer at work prints: what was said before them did not end the run. A traceback of an optional
 * import, of one damaged picture or of a retried download is followed by such a line.
 */
export function isLifeSign(line: string): boolean {
  return lifeSign.test(line);
}

const lifeSign =
  /^(?:\s*(?:[\d:-]{8,20} )?INFO {2,}|\[INFO\|trainer\.py:\d+\] \S+ \S+ >> )?(?:Loading |Caching |Generating |Quantizing |Preparing |Running +\d|Saving at step |Saved |Removing old save|Dataset: | {2}- {1,2}(?:Found|Preprocessing) |Bucket sizes|create LoRA |enable LoRA |Skipping first sample|epoch \d+\/\d+|saving checkpoint: |model saved|Iter \d+: |\*{5} Running |Starting training|prepare (?:tokenizers?|images|dataset|accelerator|optimizer)|preparing accelerator|make buckets|using DreamBooth method|found directory |running training|use .{1,40} optimizer|Saving model checkpoint to |Model weights saved in | - [1-9]\d* completed jobs?)/i;
