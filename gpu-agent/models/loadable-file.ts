import { AppError } from "@trainyard/shared/errors.ts";
import { isPickledModel } from "@trainyard/shared/training/validate-model.ts";
import { judgeSafetensorsFile } from "./safetensors-file.ts";

/**
 * Looks at a model file of this box before a trainer loads it. A config may leave the ending out, so only here it shows what the
 * file is. Throws UNSAFE_MODEL_FORMAT, MODEL_CORRUPT. `field`: the config's key that named it.
 */
export function refuseUnloadable(path: string, field: string): void {
  const details = { field };
  if (isPickledModel(path)) {
    throw new AppError("UNSAFE_MODEL_FORMAT", "That model is a file that can run code.", {
      hint: "Convert it to .safetensors, or name a folder or a Hugging Face id.",
      details,
    });
  }
  if (!path.toLowerCase().endsWith(".safetensors")) return;
  const verdict = judgeSafetensorsFile(path);
  if (verdict?.valid === false) {
    throw new AppError("MODEL_CORRUPT", `That model's file is damaged: ${verdict.problem}.`, {
      hint: "Fetch it again; it was cut, or is another kind of file under that name.",
      details,
    });
  }
}
