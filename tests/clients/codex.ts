import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { clientSettings } from "../../control-plane/http/client-settings.ts";
import { clientsFolder, trainByCalls } from "./client.ts";
import type { RealClient } from "./client.ts";
import { hearRevision } from "./revision.ts";

const version = "0.171.0";
const program = "npm/node_modules/.bin/codex";

const line = z.object({
  id: z.number().optional(),
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
});
const started = z.object({ thread: z.object({ id: z.string() }) });
const servers = z.object({
  data: z.array(z.object({ name: z.string(), tools: z.record(z.string(), z.unknown()) })),
});
const called = z.object({
  isError: z.boolean().nullish(),
  content: z.array(z.object({ text: z.string().optional() })),
  structuredContent: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Codex with the settings that the welcome page gives. Its app server, which editors use, calls a tool of a thread's servers without asking
 * a model, so no account is needed.
 */
export const codex: RealClient = {
  name: "Codex, its app server",
  version,
  needs: [program],
  install: `npm install --prefix ${join(clientsFolder, "npm")} --save-exact @openai/codex@${version}`,
  async train(given, configName) {
    const { yard, revision, close } = await hearRevision(given);
    const home = mkdtempSync(join(tmpdir(), "ty-codex-"));
    const setting = clientSettings(yard.mcpUrl).find(({ client }) => client === "Codex");
    mkdirSync(join(home, ".codex"));
    writeFileSync(join(home, ".codex", "config.toml"), setting?.text ?? "");
    const child = spawn(join(clientsFolder, program), ["app-server"], {
      cwd: home,
      env: { PATH: process.env["PATH"], HOME: home, TRAINYARD_TOKEN: yard.token },
    });
    child.stderr.resume();
    const ask = asker(child);
    try {
      await ask("initialize", {
        clientInfo: { name: "clients", version: "1" },
        capabilities: { experimentalApi: true },
      });
      const { thread } = started.parse(await ask("thread/start", { ephemeral: true }));
      const { data } = servers.parse(await ask("mcpServerStatus/list", {}));
      const offered = data.find(({ name }) => name === "trainyard")?.tools ?? {};
      const trained = await trainByCalls(
        async (tool, args) => {
          const result = called.parse(
            await ask("mcpServer/tool/call", {
              threadId: thread.id,
              server: "trainyard",
              tool,
              arguments: args,
            }),
          );
          if (result.isError === true) throw new Error(result.content[0]?.text);
          return result.structuredContent ?? {};
        },
        yard,
        configName,
      );
      return {
        ...trained,
        revision: revision(),
        tools: Object.keys(offered).length,
        note: "config.toml as the welcome page gives it",
      };
    } finally {
      child.kill();
      close();
      rmSync(home, { recursive: true, force: true });
    }
  },
};

/** A request a line, and its answer by its number. */
function asker(child: ChildProcessWithoutNullStreams) {
  const waiting = new Map<number, (answer: z.infer<typeof line>) => void>();
  createInterface(child.stdout).on("line", (text) => {
    const answer = line.parse(JSON.parse(text));
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
  });
  let last = 0;
  return async (method: string, params: object): Promise<unknown> => {
    last += 1;
    const id = last;
    const answered = new Promise<z.infer<typeof line>>((resolve, reject) => {
      waiting.set(id, resolve);
      child.once("exit", (code) => reject(new Error(`codex ended with ${String(code)}`)));
    });
    child.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
}
