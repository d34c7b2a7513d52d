// Loaded into every process of a bench: the resident agent writes, once a second, how late its event loop was at most, and how much
// of that lateness it spent computing. The rest is the machine's: another process had the core.
import { appendFileSync } from "node:fs";
import { join } from "node:path";

const home = process.argv[process.argv.indexOf("--home") + 1];
const everyMs = 5;
if (process.argv[1]?.endsWith("agent.js") && home !== undefined) {
  let at = performance.now();
  let cpu = process.cpuUsage();
  let late = 0;
  let own = 0;
  setInterval(() => {
    const now = performance.now();
    const used = process.cpuUsage(cpu);
    const lateMs = now - at - everyMs;
    late = Math.max(late, lateMs);
    own = Math.max(own, Math.min(lateMs, (used.user + used.system) / 1_000));
    at = now;
    cpu = process.cpuUsage();
  }, everyMs).unref();
  setInterval(() => {
    // The start itself is not what is measured.
    if (performance.now() > 2_500)
      appendFileSync(join(home, `loop-${process.pid}`), `${late.toFixed(1)} ${own.toFixed(1)}\n`);
    late = 0;
    own = 0;
  }, 1_000).unref();
}
