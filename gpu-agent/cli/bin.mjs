#!/usr/bin/env node
// The `trainyard` command. Plain JavaScript that any Node runs: it starts the built command under the Node 24 that came
// with the installation, because the system's own may be older.
import { existsSync } from "node:fs";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const entry = `${root}dist/cli/trainyard.js`;
const ours = `${root}node_modules/node/bin/node`;

if (!existsSync(entry)) {
  process.stderr.write("Trainyard is not built yet. Run: npm run build\n");
  process.exit(1);
}
const args = process.argv.slice(2);
// Reading a log makes only short-lived objects; a small nursery keeps memory the same for any length, at no cost in time.
const flags = args[0] === "analyze-log" ? ["--max-semi-space-size=4"] : [];
const child = spawn(existsSync(ours) ? ours : process.execPath, [...flags, entry, ...args], {
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  // A terminal sends Ctrl-C to both; the child ends in its own time and its end is ours.
  process.on(signal, () => signal === "SIGINT" || child.kill(signal));
}
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
