// Writes what is derived: schemas/ (openapi.json too), the upload page's script, and docs/tools.md from the contracts, docs/training-guide.md from the plan's tables, settings and costs of docs/clients.md, docs/troubleshooting.md from the signatures. With --check it writes nothing and fails on a difference.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { build } from "esbuild";
import { z } from "zod";
import { webhookPayloadSchema } from "@trainyard/shared/alerts/payload.ts";
import { openApiDocument } from "@trainyard/shared/openapi/document.ts";
import { agentMessageSchema, edgeMessageSchema } from "@trainyard/shared/protocol/messages.ts";
import { inputJsonSchema, outputJsonSchema } from "@trainyard/shared/tools/json-schema.ts";
import { writtenEntries } from "@trainyard/shared/tools/list-entries.ts";
import { tools } from "@trainyard/shared/tools/registry.ts";
import { troubleshootingGuide } from "@trainyard/shared/logs/failure/troubleshooting.ts";
import { trainingGuide } from "@trainyard/shared/training/training-guide.ts";
import { clientsPage } from "./clients-page.ts";
import manifest from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const wanted = new Map<string, string>();

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

for (const tool of tools) {
  wanted.set(`schemas/${tool.name}.input.schema.json`, json(inputJsonSchema(tool)));
  wanted.set(`schemas/${tool.name}.output.schema.json`, json(outputJsonSchema(tool)));
}
for (const [name, schema] of [
  ["protocol.agent-to-edge", agentMessageSchema],
  ["protocol.edge-to-agent", edgeMessageSchema],
  ["webhook.payload", webhookPayloadSchema],
] as const) {
  // Columns of numbers are checked by hand-written code; in JSON Schema they are arrays.
  const document = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === "custom") jsonSchema.type = "array";
    },
  });
  wanted.set(`schemas/${name}.schema.json`, json(document));
}
wanted.set("schemas/tool-list.json", json(writtenEntries()));
wanted.set("schemas/openapi.json", json(openApiDocument(manifest.version)));
wanted.set("docs/tools.md", toolsPage());
wanted.set("docs/training-guide.md", trainingGuide());
wanted.set("docs/clients.md", clientsPage(readFileSync(join(root, "docs/clients.md"), "utf8")));
wanted.set("docs/troubleshooting.md", troubleshootingGuide());

wanted.set("control-plane/upload-page/script.generated.ts", await browserScript());

let stale = 0;
for (const [path, text] of wanted) {
  const full = join(root, path);
  if (existsSync(full) && readFileSync(full, "utf8") === text) continue;
  stale += 1;
  if (check) process.stderr.write(`${path} is not what its source says. Run: npm run generate\n`);
  else {
    mkdirSync(join(full, ".."), { recursive: true });
    writeFileSync(full, text);
  }
}
for (const name of existsSync(join(root, "schemas")) ? readdirSync(join(root, "schemas")) : []) {
  if (wanted.has(`schemas/${name}`)) continue;
  stale += 1;
  if (check)
    process.stderr.write(`schemas/${name} belongs to no contract. Run: npm run generate\n`);
  else rmSync(join(root, "schemas", name));
}
if (check && stale > 0) process.exit(1);

/** As text in a module: whoever bundles the Worker (we, wrangler, the tests) leaves it as it is, and the page's policy knows its hash. */
async function browserScript(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["control-plane/upload-page/browser/main.ts"],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  });
  return `// Generated from ./browser by \`npm run generate\`.\nexport const script = ${JSON.stringify(outputFiles[0]?.text.trimEnd())};\n`;
}

function toolsPage(): string {
  const lines = [
    "# Tools",
    "",
    "Generated from the contracts in `shared/tools` by `npm run generate`. The whole schemas are in `schemas/`.",
    "",
    "| tool | scope | runs on | what it does |",
    "|---|---|---|---|",
    ...tools.map(
      (tool) =>
        `| \`${tool.name}\` | ${tool.scope} | ${tool.runsOn === "edge" ? "the edge" : "the box"} | ${tool.description.replaceAll("|", "\\|").replaceAll("\n", " ")} |`,
    ),
    "",
  ];
  for (const tool of tools) {
    lines.push(`## ${tool.name}`, "", tool.title + ".", "");
    const properties = (inputJsonSchema(tool)["properties"] ?? {}) as Record<
      string,
      Record<string, unknown>
    >;
    const required = new Set((inputJsonSchema(tool)["required"] ?? []) as string[]);
    if (Object.keys(properties).length === 0) {
      lines.push("No arguments.", "");
      continue;
    }
    lines.push("| argument | type | default | |", "|---|---|---|---|");
    for (const [name, property] of Object.entries(properties)) {
      const described = typeof property["description"] === "string" ? property["description"] : "";
      lines.push(
        `| \`${name}\`${required.has(name) && property["default"] === undefined ? " (required)" : ""} | ${typeOf(property)} | ${property["default"] === undefined ? "" : `\`${JSON.stringify(property["default"])}\``} | ${described.replaceAll("|", "\\|")} |`,
      );
    }
    lines.push("");
  }
  return lines.join("\n");
}

function typeOf(property: Record<string, unknown>): string {
  if (Array.isArray(property["enum"])) {
    return (property["enum"] as unknown[]).map((value) => `\`${String(value)}\``).join(" \\| ");
  }
  if (property["type"] === "array")
    return `list of ${typeOf((property["items"] ?? {}) as Record<string, unknown>)}`;
  if (typeof property["type"] === "string") return property["type"];
  const union = (property["anyOf"] ?? property["oneOf"]) as Record<string, unknown>[] | undefined;
  return union === undefined ? "any" : union.map(typeOf).join(" or ");
}
