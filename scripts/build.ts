// Bundles what runs: the Worker, the agent, its shim, the tiny trainer and the command. About a second.
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { BuildOptions } from "esbuild";
import { unstable_readConfig as readConfig } from "wrangler";
import { z } from "zod";

const root = fileURLToPath(new URL("..", import.meta.url));

const shared: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  target: "es2024",
  logLevel: "warning",
  legalComments: "none",
};

const node: BuildOptions = {
  ...shared,
  platform: "node",
  // Native, or large and used only at times: they stay packages and are imported when needed.
  external: ["sharp", "libheif-js", "systeminformation", "execa", "miniflare", "workerd"],
  // Bundled CommonJS packages (ws) call require for Node's own modules.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
};

const [command] = await Promise.all([
  build({
    ...node,
    entryPoints: { trainyard: "gpu-agent/cli/main.ts" },
    outdir: "dist/cli",
    // A file for each command: one that reads a log starts without what the control plane needs.
    splitting: true,
    metafile: true,
  }),
  build({
    ...shared,
    entryPoints: { worker: "control-plane/worker.ts" },
    outdir: "dist/control-plane",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:workers", "node:*"],
    minify: true,
  }),
  build({
    ...node,
    entryPoints: {
      "agent/agent": "gpu-agent/main.ts",
      "agent/shim": "gpu-agent/jobs/shim.ts",
      "agent/intake-child": "gpu-agent/uploads/intake/child.ts",
      "agent/dataset-child": "gpu-agent/datasets/scan/child.ts",
      "agent/system-child": "gpu-agent/host/system-child.ts",
      "agent/sheet-child": "gpu-agent/samples/sheet-child.ts",
      "agent/tiny": "gpu-agent/trainers/tiny/main.ts",
    },
    outdir: "dist",
  }),
]);

// What a language-model project begins with goes along as it is.
rmSync(`${root}dist/agent/llm-project`, { recursive: true, force: true });
cpSync(`${root}gpu-agent/llm-project`, `${root}dist/agent/llm-project`, {
  recursive: true,
  filter: (path) => !path.endsWith("__pycache__"),
});

// Parts carry their content in their names; those of earlier builds would pile up.
for (const file of readdirSync(`${root}dist/cli`)) {
  if (!Object.hasOwn(command.metafile.outputs, `dist/cli/${file}`))
    rmSync(`${root}dist/cli/${file}`);
}

// The local runtime gets its bindings from the file that is deployed, so the two cannot drift apart.
const config = z
  .object({
    name: z.string(),
    compatibility_date: z.string(),
    compatibility_flags: z.array(z.string()),
    durable_objects: z.object({
      bindings: z.array(z.object({ name: z.string(), class_name: z.string() })),
    }),
    migrations: z.array(z.object({ new_sqlite_classes: z.array(z.string()).optional() })),
    vars: z.record(z.string(), z.string()),
  })
  .parse(readConfig({ config: `${root}wrangler.toml` }, { hideWarnings: true }));
mkdirSync(`${root}dist/control-plane`, { recursive: true });
writeFileSync(
  `${root}dist/control-plane/bindings.json`,
  `${JSON.stringify(
    {
      name: config.name,
      compatibilityDate: config.compatibility_date,
      compatibilityFlags: config.compatibility_flags,
      durableObjects: config.durable_objects.bindings.map((binding) => ({
        binding: binding.name,
        className: binding.class_name,
      })),
      sqliteClasses: config.migrations.flatMap((migration) => migration.new_sqlite_classes ?? []),
      vars: config.vars,
    },
    null,
    2,
  )}\n`,
);
