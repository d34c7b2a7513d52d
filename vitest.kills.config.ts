import { defineConfig } from "vitest/config";

/** The long fault runs: not part of `npm test`. */
export default defineConfig({
  test: { include: ["tests/kills/**/*.test.ts"], testTimeout: 600_000 },
});
