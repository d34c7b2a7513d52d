import { defineConfig } from "vitest/config";

/** Against the real AI Toolkit, where there is one: not part of `npm test`. */
export default defineConfig({
  test: {
    include: ["tests/real/**/*.test.ts"],
    reporters: ["verbose", "./tests/support/closing-line.ts"],
    testTimeout: 900_000,
    hookTimeout: 900_000,
    fileParallelism: false,
  },
});
