import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Home } from "../../../gpu-agent/home.ts";
import { createLlmBox } from "../../../gpu-agent/trainers/llm/llm-box.ts";
import type { LlmBox } from "../../../gpu-agent/trainers/llm/llm-box.ts";
import { systemTime } from "../../../gpu-agent/time.ts";

export const projectTemplates = fileURLToPath(
  new URL("../../../gpu-agent/llm-project", import.meta.url),
);

/**
 * A box whose Python is a script: it says what it can import as the real one would, and hands everything else to the system's Python,
 * whose standard library is enough for looking at datasets.
 */
export function llmBox(
  home: Home,
  found: {
    readonly cuda?: boolean;
    readonly bitsandbytes?: boolean;
    readonly problem?: string;
  } = {},
): LlmBox {
  const python = join(home.root, "python");
  const answer = JSON.stringify({
    versions: { torch: "2.13.0", transformers: "5.5.3", peft: "0.18.1" },
    cuda: found.cuda ?? false,
    bitsandbytes: found.bitsandbytes ?? false,
    mlx: false,
  });
  const look =
    found.problem === undefined
      ? `echo 'TRAINYARD ${answer}'`
      : `echo "${found.problem}" >&2; exit 1`;
  writeFileSync(python, `#!/bin/sh\nif [ "$1" = -c ]; then ${look}; exit; fi\nexec python3 "$@"\n`);
  chmodSync(python, 0o700);
  return createLlmBox({
    home,
    time: systemTime,
    log: () => undefined,
    templates: projectTemplates,
    environment: { TRAINYARD_LLM_PYTHON: python, PATH: process.env["PATH"] },
  });
}
