/** Takes secrets out of text before it leaves the box. Pure and idempotent: redacted text stays as it is. */

export interface KnownSecret {
  readonly value: string;
  /** The word inside the brackets, `secret` unless told. */
  readonly kind?: string;
}

/** Known values first, in their plain, URL-encoded and base64 forms, then the patterns of known token shapes. */
export function redact(text: string, secrets: readonly (string | KnownSecret)[] = []): string {
  let result = text;
  for (const [form, kind] of knownForms(secrets)) {
    if (result.includes(form)) result = result.split(form).join(`[redacted:${kind}]`);
  }
  for (const { kind, pattern, hint } of patterns) {
    if (hint !== undefined && !hint.test(result)) continue;
    result = result.replace(pattern, (_match, before: unknown) =>
      typeof before === "string" ? `${before}[redacted:${kind}]` : `[redacted:${kind}]`,
    );
  }
  return result;
}

interface SecretPattern {
  readonly kind: string;
  /** A group, where there is one, is what stands before the secret and is kept. */
  readonly pattern: RegExp;
  /** Cheap test first: most lines hold nothing. */
  readonly hint?: RegExp;
}

const patterns: readonly SecretPattern[] = [
  {
    kind: "authorization",
    hint: /authorization/i,
    pattern:
      /(\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|token|digest)\s+)?)(?!\[redacted:|(?:bearer|basic|token|digest)\b)[^\s"',;}]+/gi,
  },
  {
    kind: "authorization",
    hint: /bearer/i,
    pattern: /(\bbearer\s+)(?!\[redacted:)[A-Za-z0-9._~+/=-]{16,}/gi,
  },
  {
    kind: "url_credentials",
    hint: /:\/\//,
    // No scheme is longer; without the bound a long run of dotted words takes the square of its length.
    pattern: /(\b[a-z][a-z0-9+.-]{0,31}:\/\/)(?!\[redacted:)[^\s/?#"'<>]+(?=@)/gi,
  },
  {
    kind: "jwt",
    hint: /eyJ/,
    pattern: /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*/g,
  },
  { kind: "hf_token", hint: /hf_/, pattern: /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}/g },
  {
    kind: "github_token",
    hint: /gh[a-z]_|github_pat_/,
    pattern: /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/g,
  },
  { kind: "api_key", hint: /sk-/, pattern: /(?<![A-Za-z0-9_-])sk-[A-Za-z0-9_-]{16,}/g },
  {
    kind: "aws_key",
    hint: /A[KS]IA/,
    pattern: /(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  },
  {
    kind: "wandb_key",
    hint: /wandb|api[ _-]?key/i,
    // A W&B key is bare hex like a git commit, so it counts only close to the words.
    pattern: /((?:wandb|api[ _-]?key)[^\n]{0,80}?)(?<![0-9A-Za-z])[0-9a-f]{40}(?![0-9A-Za-z])/gi,
  },
];

/** Shorter values would take ordinary words out of the text. */
const shortestSecret = 6;

/** By the list itself: a process has one, asks for every line, and making the forms costs ten times the search. */
const formsOfList = new WeakMap<
  readonly (string | KnownSecret)[],
  { readonly length: number; readonly forms: [string, string][] }
>();

function knownForms(secrets: readonly (string | KnownSecret)[]): [string, string][] {
  const known = formsOfList.get(secrets);
  // A list that grew since has secrets that no form is known of.
  if (known?.length === secrets.length) return known.forms;
  const forms = makeForms(secrets);
  formsOfList.set(secrets, { length: secrets.length, forms });
  return forms;
}

function makeForms(secrets: readonly (string | KnownSecret)[]): [string, string][] {
  const forms = new Map<string, string>();
  for (const secret of secrets) {
    const { value, kind = "secret" } = typeof secret === "string" ? { value: secret } : secret;
    if (value.length < shortestSecret) continue;
    const base64 = toBase64(new TextEncoder().encode(value)).replace(/=+$/, "");
    const base64Url = base64.replaceAll("+", "-").replaceAll("/", "_");
    for (const form of [value, urlEncoded(value), base64, base64Url]) forms.set(form, kind);
  }
  // Longest first: a secret that contains another is taken whole.
  return [...forms].sort(([a], [b]) => b.length - a.length);
}

/** A lone surrogate cannot be encoded; it cannot be in a URL either. */
function urlEncoded(value: string): string {
  return value.isWellFormed() ? encodeURIComponent(value) : value;
}

function toBase64(bytes: Uint8Array): string {
  let latin1 = "";
  for (const byte of bytes) latin1 += String.fromCharCode(byte);
  return btoa(latin1);
}
