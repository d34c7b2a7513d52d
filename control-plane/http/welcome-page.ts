import { toolsetPaths } from "@trainyard/shared/tools/toolsets.ts";
import { clientSettings, tokenMark } from "./client-settings.ts";
import { html } from "./page.ts";
import type { Page } from "./page.ts";

/** The token stays in its field: it is put into what is copied, and what cannot stand in a header is left out. */
const script = `const field=document.getElementById("token"),said=document.getElementById("said");
for(const button of document.querySelectorAll("button"))button.addEventListener("click",async()=>{const pre=button.previousElementSibling,token=field.value.replace(/[^\\w.~+/=-]/g,"")||"${tokenMark}";try{await navigator.clipboard.writeText(pre.textContent.replaceAll("${tokenMark}",token));said.textContent="Copied";button.textContent="Copied";setTimeout(()=>{button.textContent="Copy";said.textContent=""},1500)}catch{getSelection().selectAllChildren(pre);said.textContent="Selected. Copy it with the keyboard."}});`;

/** What a person sees who opens the address that is meant for a client. */
export function welcomePage(url: string): Page {
  return {
    title: "Connect to Trainyard",
    script,
    body: html`<main>
      <h1>Connect to Trainyard</h1>
      <p>This address is for an MCP client, and it works: give it to yours, with your token.</p>
      <div class="copy">
        <pre>${url}</pre>
        <button type="button">Copy</button>
      </div>
      <h2><label for="token">Your token</label></h2>
      <p>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck="false"
          placeholder="ty_…"
        />
      </p>
      <p class="quiet">
        It goes into what you copy, and nowhere else: this page cannot send anything. trainyard up
        prints the token.
      </p>
      ${clientSettings(url).map(
        ({ client, how, text }) =>
          html`<h2>${client}</h2>
            <p class="quiet">${how}</p>
            <div class="copy">
              <pre>${text}</pre>
              <button type="button" aria-label="Copy for ${client}">Copy</button>
            </div> `,
      )}
      <h2>claude.ai and ChatGPT</h2>
      <p>Their connectors sign in by OAuth, which this Trainyard does not offer yet.</p>
      <p class="quiet">
        The path chooses the tools.
        ${toolsetPaths.map(
          ({ path, what }) => html`<br /><code>${new URL(path, url).href}</code>: ${what}`,
        )}
      </p>
      <p id="said" role="status" class="quiet"></p>
    </main>`,
  };
}
