import { toolsetPaths } from "@trainyard/shared/tools/toolsets.ts";
import { html } from "./page.ts";
import type { Page } from "./page.ts";
import { version } from "./version.ts";

interface Address {
  readonly path: string;
  readonly what: string;
  /** Worth opening in a browser. */
  readonly opens: boolean;
}

/** The doors, for `GET /` in both its forms. */
export const addresses: readonly Address[] = [
  ...toolsetPaths.map(({ path, what }) => ({ path, what: `MCP, ${what}`, opens: true })),
  { path: "/tools", what: "every tool with its parameters, as JSON", opens: false },
  { path: "/mcp/tool", what: "POST: call a tool over HTTP", opens: false },
  { path: "/openapi.json", what: "all of it, as OpenAPI 3.1", opens: true },
  { path: "/webhooks/routes", what: "where alerts go", opens: false },
  { path: "/health", what: "does it answer", opens: true },
];

/** For a person who opens the bare address. */
export function frontPage(origin: string): Page {
  return {
    title: "Trainyard",
    body: html`<main>
      <h1>Trainyard</h1>
      <p>
        Trains models on your own GPU, asked for by any AI agent, script or phone. This one runs and
        answers at <code>${origin}</code>.
      </p>
      <p><a href="/mcp">Connect a client</a></p>
      <h2>What answers here</h2>
      <table>
        ${addresses.map(
          ({ path, what, opens }) =>
            html`<tr>
              <td>
                ${opens ? html`<a href="${path}"><code>${path}</code></a>` : html`<code>${path}</code>`}
              </td>
              <td>${what}</td>
            </tr> `,
        )}
      </table>
      <p class="quiet">
        Version ${version}. Nearly everything needs a token, as
        <code>Authorization: Bearer …</code> or <code>X-API-Key</code>.
      </p>
    </main>`,
  };
}
