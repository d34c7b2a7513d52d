/**
 * A config as text, JSON or YAML, becomes a document or one finding that says why not. The parser is a library of each side;
 * the rules are here, so that edge and box cannot read the same text differently. JSON is YAML.
 */
import { limits } from "../limits.ts";
import { error, type Finding, shown } from "./finding.ts";

/** What the rules need of the `yaml` package, by its own shapes. */
export interface YamlParser {
  /** Tokens of the whole text, nested. Must not recurse: the depth of the text is not known yet. */
  tokens(text: string): readonly unknown[];
  /** With `composerOptions`. */
  compose(tokens: readonly unknown[]): readonly ComposedYaml[];
}

/**
 * The core schema, so that no text becomes anything but data; merge keys as AI Toolkit has them; duplicate keys allowed, because
 * the library's own check is quadratic, and found here.
 */
export const composerOptions = {
  version: "1.2",
  schema: "core",
  merge: true,
  uniqueKeys: false,
  stringKeys: true,
  prettyErrors: false,
  logLevel: "error",
} as const;

interface ComposedYaml {
  readonly contents: unknown;
  readonly errors: readonly { readonly code: string; readonly pos: readonly number[] }[];
  /** Throws when aliases would unfold to too much. */
  toJS(options: { readonly maxAliasCount: number }): unknown;
}

export type ReadConfigText =
  | { readonly document: Readonly<Record<string, unknown>>; readonly problem: null }
  | { readonly document: null; readonly problem: Finding };

export function readConfigText(text: string, parser: YamlParser): ReadConfigText {
  if (text.length > limits.configBytes) {
    return refused("PAYLOAD_TOO_LARGE", `A config is at most ${limits.configBytes} bytes.`, {
      fix: "Remove what is no setting.",
    });
  }
  const tokens = parser.tokens(text);
  const unsafe = judgeTokens(tokens, text);
  if (unsafe !== null) return unsafe;
  const composed = parser.compose(tokens);
  const [first] = composed;
  if (composed.length > 1) {
    return refused("INVALID_CONFIG_TYPE", "The text holds several YAML documents.", {
      fix: "Give one: the lines between two `---`.",
    });
  }
  const [fault] = first?.errors ?? [];
  if (fault !== undefined) return syntaxFault(fault, text);
  return first === undefined ? notAnObject() : readComposed(first, text);
}

function readComposed(composed: ComposedYaml, text: string): ReadConfigText {
  const odd = judgeNodes(composed.contents, text);
  if (odd !== null) return odd;
  let document: unknown;
  try {
    // It counts the anchor as well.
    document = composed.toJS({ maxAliasCount: limits.yamlAliases + 1 });
  } catch (cause) {
    // The library's own words for aliases; anything else is a fault of ours.
    if (!(cause instanceof ReferenceError)) throw cause;
    return tooManyAliases();
  }
  return typeof document === "object" && document !== null && !Array.isArray(document)
    ? { document: document as Record<string, unknown>, problem: null }
    : notAnObject();
}

/** Before anything is composed: composing recurses, and a text of brackets would end the process. */
function judgeTokens(tokens: readonly unknown[], text: string): ReadConfigText | null {
  const open = tokens.map((token): [unknown, number] => [token, 0]);
  let aliases = 0;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [token, depth] = at;
    if (!isNode(token)) continue;
    // Two levels of tokens, an entry and its value, are one of the document.
    if (depth > 2 * limits.jsonDepth) return tooDeep();
    const { type, source, offset } = token;
    if (type === "alias" && (aliases += 1) > limits.yamlAliases) return tooManyAliases();
    if (type === "tag" && !coreTags.has(String(source))) return tagRefused(source, offset, text);
    for (const key of ["items", "start", "sep", "key", "value", "props"]) {
      const inner = token[key];
      if (Array.isArray(inner)) for (const one of inner) open.push([one, depth + 1]);
      else if (isNode(inner)) open.push([inner, depth + 1]);
    }
  }
  return null;
}

/** They only name the type that a plain value has anyway. */
const coreTags: ReadonlySet<string> = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((name) => `!!${name}`),
);

/** Keys that stand twice (AI Toolkit takes the last in silence), and an anchor that holds itself. */
function judgeNodes(contents: unknown, text: string): ReadConfigText | null {
  const open: { readonly node: unknown; readonly around: readonly unknown[] }[] = [
    { node: contents, around: [] },
  ];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { node, around } = at;
    if (!isNode(node)) continue;
    if (node["source"] !== undefined && around.includes(node["source"])) return tooManyAliases();
    const inside = node["anchor"] === undefined ? around : [...around, node["anchor"]];
    const items = node["items"];
    if (!Array.isArray(items)) continue;
    const keys = new Set<unknown>();
    for (const item of items as readonly unknown[]) {
      if (!isPair(item)) {
        open.push({ node: item, around: inside });
        continue;
      }
      const key = isNode(item.key) ? item.key["value"] : item.key;
      // A merge key may stand several times.
      if (keys.has(key) && key !== "<<") return duplicateKey(item.key, text);
      keys.add(key);
      open.push({ node: item.value, around: inside });
    }
  }
  return null;
}

function duplicateKey(key: unknown, text: string): ReadConfigText {
  const range = isNode(key) && Array.isArray(key["range"]) ? (key["range"] as unknown[]) : [];
  return refused(
    "YAML_DUPLICATE_KEY",
    `A key stands twice, again in line ${line(range[0], text)}.`,
    {
      ...(isNode(key) ? { value: shown(key["value"]) } : {}),
      fix: "Keep one of them.",
    },
  );
}

function tagRefused(source: unknown, offset: unknown, text: string): ReadConfigText {
  return refused(
    "YAML_TAG_REFUSED",
    `A tag that makes something else than plain data stands in line ${line(offset, text)}.`,
    {
      value: shown(source),
      fix: "Remove it. The config.yaml that AI Toolkit leaves beside its outputs has such tags: take the file that it was started with.",
    },
  );
}

function syntaxFault({ code, pos }: ComposedYaml["errors"][number], text: string): ReadConfigText {
  // The library's name for deep nesting and the like.
  if (code === "RESOURCE_EXHAUSTION") return tooDeep();
  const what = code.toLowerCase().replaceAll("_", " ");
  return refused(
    "INVALID_CONFIG_TYPE",
    `The text is neither JSON nor YAML: ${what} in line ${line(pos[0], text)}.`,
    { fix: "Give the config as an object, or correct that line." },
  );
}

function notAnObject(): ReadConfigText {
  return refused("INVALID_CONFIG_TYPE", "The text holds no object.", {
    fix: "Give a config: an object with `config` in it.",
  });
}

function tooDeep(): ReadConfigText {
  return refused("JSON_TOO_DEEP", `The config is nested deeper than ${limits.jsonDepth} levels.`, {
    fix: "Flatten it.",
  });
}

function tooManyAliases(): ReadConfigText {
  return refused(
    "YAML_ALIAS_LIMIT",
    `The text has more than ${limits.yamlAliases} aliases, or one that holds itself or stands before its anchor.`,
    { fix: "Write the values out." },
  );
}

function refused(
  code: string,
  message: string,
  rest: { readonly fix: string; readonly value?: unknown },
): ReadConfigText {
  return { document: null, problem: error(code, message, rest) };
}

function line(offset: unknown, text: string): number {
  return text.slice(0, typeof offset === "number" ? offset : 0).split("\n").length;
}

function isNode(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isPair(value: unknown): value is { readonly key: unknown; readonly value: unknown } {
  return isNode(value) && "key" in value && !("items" in value);
}
