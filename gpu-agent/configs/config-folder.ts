import { readdirSync, readFileSync } from "node:fs";
import { parse } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName, parseName } from "@trainyard/shared/names.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { error } from "@trainyard/shared/training/finding.ts";
import type { Finding } from "@trainyard/shared/training/finding.ts";
import { openInside } from "../safe-path.ts";
import { readText } from "./config-text.ts";
import type { BoxConfigRow, ConfigSource, ReadBoxConfig } from "./box-configs.ts";

/** In the order in which two files of one name are taken. */
const endings = [".yaml", ".yml", ".json", ".jsonc"];

interface Known {
  readonly print: string;
  readonly facts: Pick<BoxConfigRow, "trainer" | "model" | "datasetPath" | "steps" | "problem">;
}

/** Of files that did not change since they were read; a listing asks for all of them each time. */
const known = new Map<string, Known>();

/** Config files that lie in a folder of the box, not in folders below it. `shown` is the folder's virtual name. */
export function folderSource(folder: string, shown: string): ConfigSource {
  return {
    async list(room) {
      const files = configFiles(folder);
      const rows: BoxConfigRow[] = [];
      for (const { name, file } of files.slice(0, room)) {
        const row = await rowOf(folder, file);
        if (row !== null) rows.push({ ...row, name, path: `${shown}/${file}` });
        // A long folder is read in small pieces: other calls wait meanwhile.
        await nextTurn();
      }
      return { rows, more: files.length > room };
    },
    async read(name) {
      const wanted = foldName(name);
      const found = configFiles(folder).find((one) => foldName(one.name) === wanted);
      if (found === undefined) return null;
      const file = readFile(folder, found.file);
      if (file === null) return null;
      const { modifiedAtMs, text, refusal } = file;
      const read = refusal === null ? await readText(text) : { document: null, problem: refusal };
      const config: ReadBoxConfig = {
        name: found.name,
        origin: "box",
        path: `${shown}/${found.file}`,
        modifiedAtMs,
        ...read,
      };
      return config;
    },
  };
}

/** Names that a call could use, sorted; the same name once. */
function configFiles(folder: string): { readonly name: string; readonly file: string }[] {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    const code = (cause as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return [];
    throw cause;
  }
  const byName = new Map<string, { name: string; file: string; rank: number }>();
  for (const entry of entries) {
    const { name, ext } = parse(entry.name);
    const rank = endings.indexOf(ext.toLowerCase());
    // A pipe or a device would never end; a link is looked at when it is opened.
    if (rank < 0 || !(entry.isFile() || entry.isSymbolicLink()) || !isConfigName(name)) continue;
    const before = byName.get(foldName(name));
    if (before === undefined || rank < before.rank) {
      byName.set(foldName(name), { name, file: entry.name, rank });
    }
  }
  return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function isConfigName(name: string): boolean {
  try {
    parseName("config", name);
    return true;
  } catch {
    return false;
  }
}

type Row = Omit<BoxConfigRow, "name" | "path">;

async function rowOf(folder: string, file: string): Promise<Row | null> {
  const opened = readFile(folder, file);
  if (opened === null) return null;
  const { print, modifiedAtMs, text, refusal } = opened;
  const key = `${folder}\0${file}`;
  const before = known.get(key);
  const facts = before?.print === print ? before.facts : await factsOf(text, refusal);
  known.delete(key);
  known.set(key, { print, facts });
  const [oldest] = known.keys();
  if (known.size > limits.boxConfigs && oldest !== undefined) known.delete(oldest);
  return { origin: "box", modifiedAtMs, ...facts };
}

async function factsOf(text: string, refusal: Finding | null): Promise<Known["facts"]> {
  const { document, problem } =
    refusal === null ? await readText(text) : { document: null, problem: refusal };
  if (document === null) {
    return {
      trainer: null,
      model: null,
      datasetPath: null,
      steps: null,
      problem: problem?.code ?? null,
    };
  }
  const said = readAiToolkitDocument(document);
  return {
    trainer: said.trainer,
    model: said.modelName?.slice(0, 300) ?? null,
    datasetPath: said.datasets[0]?.slice(0, 300) ?? null,
    steps: said.steps !== null && Number.isSafeInteger(said.steps) ? said.steps : null,
    problem: null,
  };
}

interface OpenedFile {
  readonly print: string;
  readonly modifiedAtMs: number;
  readonly text: string;
  readonly refusal: Finding | null;
}

/** Null: it went away meanwhile. A link that leads out, a pipe, what is too large: refused by name, and not read. */
function readFile(folder: string, file: string): OpenedFile | null {
  let opened;
  try {
    opened = openInside(folder, [file]);
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    if (cause.code === "NOT_FOUND") return null;
    return {
      print: cause.code,
      modifiedAtMs: 0,
      text: "",
      refusal: error(
        cause.code,
        cause.message,
        cause.hint === undefined ? {} : { fix: cause.hint },
      ),
    };
  }
  try {
    const { dev, ino, size, mtimeMs } = opened.stat;
    const tooLarge = size > limits.configBytes;
    return {
      print: `${dev}:${ino}:${size}:${mtimeMs}`,
      modifiedAtMs: mtimeMs,
      text: tooLarge ? "" : readFileSync(opened.descriptor, "utf8"),
      refusal: tooLarge
        ? error("PAYLOAD_TOO_LARGE", `A config is at most ${limits.configBytes} bytes.`, {
            fix: "Remove what is no setting.",
          })
        : null,
    };
  } finally {
    opened.close();
  }
}
