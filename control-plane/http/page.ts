/** One small page: no resource from elsewhere, nothing inline that its own policy does not name by hash. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly script?: string;
  /** Behind the style that all pages have. */
  readonly style?: string;
  /** Its script talks to Trainyard; other pages cannot send anything. */
  readonly connects?: boolean;
}

/** Text that is markup already; anything else is escaped on its way in. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function html(parts: TemplateStringsArray, ...values: (string | Html | Html[])[]): Html {
  let text = parts[0] ?? "";
  for (const [at, value] of values.entries()) text += markup(value) + (parts[at + 1] ?? "");
  return new Html(text);
}

function markup(value: string | Html | Html[]): string {
  if (Array.isArray(value)) return value.map(({ text }) => text).join("");
  if (value instanceof Html) return value.text;
  return value.replace(/[&<>"']/g, (character) => escapes[character] ?? "");
}

const style = `:root{color-scheme:light dark;--line:light-dark(#d5d9de,#3a4048);--soft:light-dark(#f4f6f8,#1d2126);--quiet:light-dark(#57606a,#9aa4af);--link:light-dark(#0b57d0,#8ab4f8)}
*{box-sizing:border-box}
body{margin:0 auto;max-width:46rem;padding:2rem 1rem 4rem;font:1rem/1.55 system-ui,sans-serif;background:light-dark(#fff,#14171a);color:light-dark(#1b1f24,#e4e7eb)}
h1{font-size:1.6rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .4rem}p{margin:.4rem 0}
a{color:var(--link)}.quiet{color:var(--quiet)}
.copy{display:flex;gap:.5rem;align-items:flex-start;background:var(--soft);border:1px solid var(--line);border-radius:.5rem;padding:.5rem}
pre{flex:1;min-width:0;margin:0;padding:.25rem;overflow-x:auto;font:.85rem/1.5 ui-monospace,monospace}
button,input{font:inherit;font-size:.85rem;color:inherit;background:light-dark(#fff,#14171a);border:1px solid var(--line);border-radius:.35rem;padding:.35rem .7rem}
button{cursor:pointer}input{width:100%;max-width:26rem}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:.35rem .6rem .35rem 0;vertical-align:top}
code{font:.85rem ui-monospace,monospace}`;

const policies = new Map<string, string>();

/** The page as an answer. Its address decides what it shows, so it is asked for anew each time. */
export async function pageResponse(page: Page, status = 200): Promise<Response> {
  const { title, body, script } = page;
  // Put together by hand: a space inside style or script would change its hash.
  const text = [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${html`${title}`.text}</title><link rel="icon" href="data:,">`,
    `<style>${styleOf(page)}</style></head><body>${body.text}`,
    script === undefined ? "" : `<script>${script}</script>`,
    "</body></html>",
  ].join("");
  return new Response(text, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": await policyFor(page),
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cache-control": "no-cache",
      vary: "accept",
    },
  });
}

function styleOf(page: Page): string {
  return style + (page.style ?? "");
}

/** Nothing may be loaded or framed, and nothing sent but to Trainyard by a page that says so. */
async function policyFor(page: Page): Promise<string> {
  const { script, connects = false } = page;
  const key = JSON.stringify([script, page.style, connects]);
  let policy = policies.get(key);
  if (policy === undefined) {
    policy = [
      "default-src 'none'",
      `style-src ${await hashSource(styleOf(page))}`,
      ...(script === undefined ? [] : [`script-src ${await hashSource(script)}`]),
      "img-src data:",
      ...(connects ? ["connect-src 'self'"] : []),
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ].join("; ");
    policies.set(key, policy);
  }
  return policy;
}

async function hashSource(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
}
