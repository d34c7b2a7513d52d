import { delimiter, join } from "node:path";
import { root } from "./trainyard.ts";

const here = join(root, "tests", "support");

/**
 * Environment of an agent that finds a card and an AI Toolkit, neither of which computes anything: for what is tested around a
 * training. The real one is driven by `npm run test:real`.
 */
export const pretendToolkit = {
  AI_TOOLKIT_PATH: join(here, "pretend-toolkit"),
  AI_TOOLKIT_PYTHON: "python3",
  PATH: `${join(here, "pretend-nvidia")}${delimiter}${process.env["PATH"] ?? ""}`,
};
