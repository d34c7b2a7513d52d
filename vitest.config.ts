import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { cloudflareTest } from "@cloudflare/vitest-plugin";

// Two thirds of a run is waiting for real processes, so one file more than there are cores keeps the cores busy.
const maxWorkers = availableParallelism() + 1;

/** Two worlds: plain Node for everything, workerd for what only exists inside a Durable Object. */
export default defineConfig({
  test: {
    reporters: ["default", "./tests/support/closing-line.ts"],
    maxWorkers,
    projects: [
      {
        test: {
          name: "node",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/control-plane/**", "tests/kills/**", "tests/real/**"],
          // The hundreds of processes that tests start read our code as Node compiled it the first time.
          env: { NODE_COMPILE_CACHE: "node_modules/.cache/tests" },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: {
          name: "workerd",
          include: ["tests/control-plane/**/*.test.ts"],
          // One isolate serves many files, as a deployed one serves many owners; each test has an owner of its own.
          isolate: false,
          testTimeout: 20_000,
        },
      },
    ],
  },
});
