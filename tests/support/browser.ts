import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { chromium } from "playwright-core";
import type { Browser } from "playwright-core";
import { root } from "./trainyard.ts";

/**
 * A real headless Chromium, from a package and with the libraries and fonts that the package has: nothing has to be installed on the
 * system. That package is for Linux on x64; elsewhere TRAINYARD_TEST_BROWSER names another Chromium. Throws with the reason when it
 * does not start, so that a test of a page is never left out in silence.
 */
export async function openBrowser(): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-dev-shm-usage"];
  const other = process.env["TRAINYARD_TEST_BROWSER"];
  try {
    if (other !== undefined) return await chromium.launch({ executablePath: other, args });
    const folder = unpackedBrowser();
    return await chromium.launch({
      executablePath: join(folder, "chromium"),
      args,
      env: {
        ...process.env,
        LD_LIBRARY_PATH: join(folder, "al2023", "lib"),
        FONTCONFIG_FILE: join(folder, "fonts.conf"),
      },
    });
  } catch (error) {
    const message =
      "The browser for the tests does not start. Set TRAINYARD_TEST_BROWSER to the path of a Chromium on this machine.";
    throw new Error(message, { cause: error });
  }
}

/**
 * The package's own way unpacks into the shared temporary folder, takes a half-written file there for a whole one, and leaves the
 * libraries out where it does not find itself at a cloud provider's.
 */
function unpackedBrowser(): string {
  const entry = fileURLToPath(import.meta.resolve("@sparticuz/chromium"));
  const packed = join(dirname(entry), "..", "..", "bin");
  const { version } = JSON.parse(readFileSync(join(packed, "..", "package.json"), "utf8")) as {
    version: string;
  };
  const cache = join(root, "node_modules", ".cache");
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const making = mkdtempSync(join(cache, "chromium-"));
  const unpack = (name: string): Buffer => brotliDecompressSync(readFileSync(join(packed, name)));
  writeFileSync(join(making, "chromium"), unpack("chromium.br"), { mode: 0o755 });
  // Software rendering lies beside the program.
  for (const [name, into] of [
    ["swiftshader", "."],
    ["fonts", "fonts"],
    ["al2023", "al2023"],
  ] as const) {
    mkdirSync(join(making, into), { recursive: true });
    execFileSync("tar", ["-xf", "-", "-C", join(making, into)], {
      input: unpack(`${name}.tar.br`),
    });
  }
  // The package's own names folders of that provider.
  writeFileSync(
    join(making, "fonts.conf"),
    `<fontconfig><dir>${join(folder, "fonts")}</dir><cachedir>${join(folder, "fonts-cache")}</cachedir></fontconfig>`,
  );
  try {
    renameSync(making, folder);
  } catch (error) {
    // Another test file was first.
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
