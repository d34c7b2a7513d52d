import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { clientSettings, tokenMark } from "../../control-plane/http/client-settings.ts";
import { clientsFolder, output, trainByCalls } from "./client.ts";
import type { RealClient } from "./client.ts";
import { hearRevision } from "./revision.ts";
import { scriptedModel } from "./scripted-model.ts";

const version = "2.1.332";
const bin = "npm/node_modules/.bin";

/** Claude Code, told by the command that the welcome page gives. Its model is a script, so no account is needed. */
export const claudeCode: RealClient = {
  name: "Claude Code",
  version,
  needs: [`${bin}/claude`],
  install: `npm install --prefix ${join(clientsFolder, "npm")} --save-exact @anthropic-ai/claude-code@${version}`,
  async train(given, configName) {
    const { yard, revision, close } = await hearRevision(given);
    const model = await scriptedModel();
    const home = mkdtempSync(join(tmpdir(), "ty-claude-"));
    const env = {
      HOME: home,
      PATH: join(clientsFolder, bin) + delimiter + String(process.env["PATH"]),
      CLAUDE_CONFIG_DIR: join(home, ".claude"),
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: "none",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      ENABLE_TOOL_SEARCH: "false",
    };
    const setting = clientSettings(yard.mcpUrl).find(({ client }) => client === "Claude Code");
    const addCommand = String(setting?.text).replaceAll(tokenMark, yard.token);
    try {
      await output("sh", ["-c", `cd "$HOME" && ${addCommand}`], env);
      const running = output(
        "sh",
        [
          "-c",
          `cd "$HOME" && claude -p "Train on ${yard.dataset}." --allowedTools "mcp__trainyard"`,
        ],
        env,
      );
      const trained = await Promise.race([
        running.then((text) => Promise.reject(new Error(`it ended early: ${text}`))),
        trainByCalls(
          async (tool, args) => {
            const text = await model.call(`mcp__trainyard__${tool}`, args);
            return JSON.parse(text) as Record<string, unknown>;
          },
          yard,
          configName,
        ),
      ]);
      model.end();
      await running;
      return {
        ...trained,
        revision: revision(),
        tools: model.tools.size,
        note: "the command of the welcome page; its model is a script",
      };
    } finally {
      model.close();
      close();
      rmSync(home, { recursive: true, force: true });
    }
  },
};
