import type { LibraryLook } from "../../trainers/llm/library-look.ts";
import type { Finding } from "./findings.ts";

export interface LlmFacts {
  readonly python: string;
  readonly look: LibraryLook;
}

/** Never a problem: a box may be there for pictures alone. */
export function llmFinding(llm: LlmFacts | null): Finding {
  if (llm === null || llm.look.problem !== null) {
    return {
      name: "llm",
      status: "warning",
      message:
        llm === null
          ? "There is no Python for language models"
          : `${llm.python} lacks what language models need: ${llm.look.problem}`,
      fix: "For language models install torch, transformers, peft and accelerate there, or set TRAINYARD_LLM_PYTHON; docs/llm.md has the rest.",
    };
  }
  const { versions, cuda, bitsandbytes, mlx } = llm.look;
  const libraries = Object.entries(versions).map((library) => library.join(" "));
  const quantizes = cuda && bitsandbytes ? ["q4 and q8"] : [];
  const extras = [...(cuda ? ["CUDA"] : ["no CUDA"]), ...quantizes, ...(mlx ? ["MLX"] : [])];
  return {
    name: "llm",
    status: "ok",
    message: `${llm.python}: ${[...libraries, ...extras].join(", ")}`,
    fix: null,
  };
}
