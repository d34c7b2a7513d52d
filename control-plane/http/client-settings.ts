/** Stands in a text where the token belongs. */
export const tokenMark = "YOUR_TOKEN";

export interface ClientSetting {
  readonly client: string;
  readonly how: string;
  readonly text: string;
}

/** How each client is told about one address, as its own documentation writes it. */
export function clientSettings(url: string): ClientSetting[] {
  const header = `--header "Authorization: Bearer ${tokenMark}"`;
  const headers = { Authorization: `Bearer ${tokenMark}` };
  return [
    {
      client: "Claude Code",
      how: "In a shell:",
      text: `claude mcp add --transport http trainyard ${url} ${header}`,
    },
    {
      client: "VS Code",
      how: "In .vscode/mcp.json, or by the command MCP: Open User Configuration:",
      text: json({ servers: { trainyard: { type: "http", url, headers } } }),
    },
    {
      client: "Cursor",
      how: "In ~/.cursor/mcp.json:",
      text: json({ mcpServers: { trainyard: { url, headers } } }),
    },
    {
      client: "Codex",
      how: "In ~/.codex/config.toml; the token in the variable TRAINYARD_TOKEN:",
      text: `[mcp_servers.trainyard]\nurl = "${url}"\nbearer_token_env_var = "TRAINYARD_TOKEN"`,
    },
    {
      client: "Gemini CLI",
      how: "In a shell:",
      text: `gemini mcp add --transport http trainyard ${url} ${header}`,
    },
    {
      client: "Claude Desktop, and any client that starts programs",
      how: "In its settings, with the path of your copy of Trainyard:",
      text: json({
        mcpServers: {
          trainyard: {
            command: "node",
            args: ["/path/to/trainyard/gpu-agent/cli/bin.mjs", "mcp", "--url", url],
            env: { TRAINYARD_TOKEN: tokenMark },
          },
        },
      }),
    },
    {
      client: "A script",
      how: "Each tool over plain HTTP:",
      text: [
        `curl -H "Authorization: Bearer ${tokenMark}" -H "Content-Type: application/json" \\`,
        `  -d '{"name": "list-agents"}' ${new URL("/mcp/tool", url).href}`,
      ].join("\n"),
    },
  ];
}

function json(value: object): string {
  return JSON.stringify(value, null, 2);
}
