/** Bodies that no client means, for any address that takes JSON. Pure data: the same go to the app and over a real socket. */
export type MalformedBody = readonly [what: string, body: string | Uint8Array<ArrayBuffer>];

export const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;

const utf16 = Uint8Array.from(
  Array.from('{"name":"x"}', (character) => [character.charCodeAt(0), 0]).flat(),
);
const bom = "\ufeff";

/** Not JSON, or JSON that is no call. */
export const brokenBodies: readonly MalformedBody[] = [
  ["nothing", ""],
  ["blank", " \n"],
  ["cut off", '{"name": "list-configs", "arguments": {'],
  ["two documents", '{"name":"list-configs"}{"name":"list-configs"}'],
  ["a trailing comma", '{"name":"list-configs",}'],
  ["a comment", '{"name":"list-configs"/* */}'],
  ["single quotes", "{'name':'list-configs'}"],
  ["NaN", '{"name":"list-configs","arguments":{"detail":NaN}}'],
  ["a huge number", '{"name":"list-configs","arguments":{"detail":1e999}}'],
  ["a control character", '{"name":"list\u0000configs"}'],
  ["a lone surrogate", '{"name":"\\ud800"}'],
  ["a byte order mark", `${bom}{"name":"list-configs"}`],
  ["two byte order marks", `${bom}${bom}{"name":"list-configs"}`],
  ["UTF-16", utf16],
  ["bytes", new Uint8Array([0xff, 0xfe, 0x00, 0x80])],
  ["half of a UTF-8 character", new Uint8Array([0x22, 0xe2, 0x82, 0x22])],
  ["gzip", new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])],
  ["a form", "name=list-configs&arguments=%7B%7D"],
  ["a multipart form", '--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nlist\r\n--x--'],
  ["XML", "<name>list-configs</name>"],
  ["YAML", "name: list-configs\narguments: {}\n"],
  ["null", "null"],
  ["true", "true"],
  ["a number", "7"],
  ["a text", '"list-configs"'],
  ["50,000 levels of lists", "[".repeat(50_000)],
  ["50,000 keys", `{${Array.from({ length: 50_000 }, (_, n) => `"k${n}":${n}`).join()}}`],
];

/** JSON in the shape of a call over HTTP, with something wrong inside. */
export const wrongCalls: readonly MalformedBody[] = [
  ["a list of calls", '[{"name":"list-configs"}]'],
  ["no name", '{"arguments":{}}'],
  ["an empty name", '{"name":""}'],
  ["a name that is an object", '{"name":{"toString":1}}'],
  ["a name that is a list", '{"tool":["list-configs"]}'],
  ["a name that is a number", '{"tool":7}'],
  ["a name of 100,000 characters", `{"name":"${"x".repeat(100_000)}"}`],
  ["a name with a line end", '{"name":"list-configs\\n"}'],
  ["a name that is a path", '{"name":"../../../etc/passwd"}'],
  ["a name from the prototype", '{"tool":"__proto__"}'],
  ["a method's name", '{"tool":"toString"}'],
  ["a prototype as the body", '{"__proto__":{"name":"list-configs"}}'],
  ["a prototype as arguments", '{"name":"list-configs","arguments":{"__proto__":{"detail":"x"}}}'],
  ["a constructor", '{"name":"list-configs","arguments":{"constructor":{"prototype":{"x":1}}}}'],
  ["arguments that are a text", '{"name":"list-configs","arguments":"{}"}'],
  ["arguments that are a list", '{"name":"list-configs","arguments":[]}'],
  ["1,000 levels", `{"name":"list-configs","arguments":${deep(1_000)}}`],
  ["50,000 levels", `{"name":"list-configs","arguments":${deep(50_000)}}`],
  ["keys that are repeated", '{"name":"list-configs","name":"nothing","name":7}'],
  [
    "both spellings",
    '{"name":"list-configs","tool":"list-agents","parameters":{},"arguments":{"a":1}}',
  ],
];
