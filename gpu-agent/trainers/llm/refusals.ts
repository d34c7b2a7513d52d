import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import type { LlmWork } from "@trainyard/shared/llm/llm-document.ts";
import type { Policy } from "../../policy.ts";
import type { LibraryLook } from "./library-look.ts";

interface Box {
  /** Null: nobody could look. */
  readonly look: LibraryLook | null;
  readonly policy: Policy;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What this box cannot do is refused before there is a job. Throws NOT_SUPPORTED, TRAINER_NOT_FOUND, POLICY_DENIED. */
export function refuseWhatCannotRun(work: LlmWork, { look, policy, environment }: Box): void {
  if (look !== null && look.problem !== null) {
    throw new AppError("TRAINER_NOT_FOUND", "The box's Python lacks what a language model needs.", {
      hint: "Install torch, transformers, peft and accelerate there, or set TRAINYARD_LLM_PYTHON and start the agent again.",
      details: { trainer: "llm", reason: look.problem },
    });
  }
  refuseQuantization(work, look);
  const wanted = work.export;
  if (wanted === null) return;
  if (["gguf", "mlx"].includes(wanted.format) && !wanted.merge_adapters) {
    throw new AppError("INVALID_ARGUMENT", `${wanted.format} holds a whole model.`, {
      hint: "Leave merge_adapters on, or export adapters as safetensors or huggingface.",
      details: { field: "merge_adapters" },
    });
  }
  const llama = environment["LLAMA_CPP_PATH"] ?? "";
  if (wanted.format === "gguf" && !existsSync(join(llama, "convert_hf_to_gguf.py"))) {
    throw new AppError(
      "NOT_SUPPORTED",
      "The box has no llama.cpp, whose converter makes gguf files.",
      {
        hint: "Set LLAMA_CPP_PATH to its folder and start the agent again; safetensors and huggingface need nothing more.",
        details: { field: "export_format" },
      },
    );
  }
  if (wanted.format === "mlx" && look?.mlx !== true) {
    throw new AppError(
      "NOT_SUPPORTED",
      "The box has no mlx-lm, which runs on Apple silicon only.",
      {
        hint: "Export as huggingface, and convert it on a Mac.",
        details: { field: "export_format" },
      },
    );
  }
  if (wanted.hf_repo_id !== null) refuseUpload(work, policy, environment);
}

function refuseQuantization({ config, kind }: LlmWork, look: LibraryLook | null): void {
  const { quantization } = config.base_model;
  // An export merges in full precision.
  if (quantization === "none" || kind === "export" || look === null) return;
  if (look.cuda && look.bitsandbytes) return;
  throw new AppError(
    "NOT_SUPPORTED",
    look.cuda
      ? `${quantization} needs bitsandbytes, which is not installed on this box.`
      : `${quantization} needs CUDA, which this box does not have.`,
    {
      hint: 'Make a run with override_params {"quantization": "none"}.',
      details: { field: "base_model.quantization", quantization },
    },
  );
}

function refuseUpload({ config }: LlmWork, policy: Policy, environment: Box["environment"]): void {
  if (!config.features.enable_huggingface_upload || !policy.outbound.includes("huggingface")) {
    throw new AppError("POLICY_DENIED", "This box uploads no model: it was not allowed to.", {
      hint: 'Its owner allows it with "outbound": ["huggingface"] in policy.json; the project needs enable_huggingface_upload too.',
      details: { field: "upload_to_huggingface" },
    });
  }
  if ((environment["HF_TOKEN"] ?? "") === "") {
    throw new AppError("NOT_SUPPORTED", "The box has no token for the Hugging Face Hub.", {
      hint: "Set HF_TOKEN in the agent's environment and start it again.",
      details: { field: "upload_to_huggingface" },
    });
  }
}
