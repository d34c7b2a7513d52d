import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { z } from "zod";
import { ask } from "../door/http-door.ts";
import type { Answer } from "../door/http-door.ts";
import { listTools } from "../door/list-tools.ts";
import type { Target } from "../door/target.ts";
import { explain } from "../mcp/bridge-errors.ts";
import { RefusedStep } from "./refused-step.ts";

export interface Findings {
  version?: string;
  agentId?: string;
}

export interface Step {
  readonly name: "health" | "auth" | "tools" | "mcp" | "agent" | "call";
  /** What was found, in a sentence. Throws AppError or RefusedStep when it is not as it should be. */
  readonly run: (target: Target, findings: Findings) => Promise<string>;
}

const signal = (): AbortSignal => AbortSignal.timeout(limits.checkStepMs);

const healthSchema = z.looseObject({ service: z.literal("trainyard"), version: z.string() });
const agentsSchema = z.looseObject({
  agents: z.array(z.looseObject({ agent_id: z.string(), connectivity: z.string() })),
});
const statsSchema = z.looseObject({ active_jobs: z.number(), connectivity: z.string() });

/** What the earlier systems' test scripts looked at, in the order in which one thing needs the other. Nothing is changed. */
export const steps: readonly Step[] = [
  { name: "health", run: health },
  { name: "auth", run: auth },
  { name: "tools", run: tools },
  { name: "mcp", run: mcp },
  { name: "agent", run: agent },
  { name: "call", run: call },
];

async function health(target: Target, findings: Findings): Promise<string> {
  const answer = await ask(target.address(), { token: null, path: "/health", signal: signal() });
  const { version } = read(healthSchema, bodyOf(answer));
  findings.version = version;
  return `Trainyard ${version} answers`;
}

async function auth(target: Target): Promise<string> {
  const token = target.token();
  const address = target.address();
  bodyOf(await ask(address, { token, path: "/tools", signal: signal() }));
  const without = await ask(address, { token: null, path: "/tools", signal: signal() });
  if (without.ok) {
    throw new AppError("AUTH_INVALID", "It also answers without a token: anybody can use it.", {
      hint: "Take it off the network and look at its configuration.",
    });
  }
  return "the token is known; without one nothing is answered";
}

async function tools(target: Target): Promise<string> {
  const answer = await listTools(target, signal());
  if (!answer.ok) throw new RefusedStep(answer.error);
  if (!answer.tools.some(({ name }) => name === "list-agents")) {
    throw new AppError("TOOL_NOT_FOUND", "The list of tools lacks list-agents.");
  }
  return `${answer.tools.length} tools over HTTP`;
}

/** The other door, through the official client: what a chat client will see at this very URL. */
async function mcp(target: Target): Promise<string> {
  const client = new Client(
    { name: "trainyard-check", version: "0.1.0" },
    { versionNegotiation: { mode: "auto" } },
  );
  const options = { timeout: limits.checkStepMs };
  try {
    await client.connect(
      new StreamableHTTPClientTransport(new URL(target.address().mcpUrl), {
        requestInit: { headers: { authorization: target.token() }, redirect: "manual" },
      }),
      options,
    );
    const { tools } = await client.listTools(undefined, options);
    return `${tools.length} tools over MCP ${client.getNegotiatedProtocolVersion() ?? ""}`.trim();
  } catch (error) {
    throw new RefusedStep(explain(error));
  } finally {
    await client.close();
  }
}

async function agent(target: Target, findings: Findings): Promise<string> {
  const { agents } = read(agentsSchema, await callTool(target, "list-agents", {}));
  const live = agents.filter(({ connectivity }) => connectivity === "live");
  const [first] = live;
  if (first === undefined) {
    throw new AppError(
      "AGENT_OFFLINE",
      agents.length === 0 ? "No GPU box is enrolled." : "No GPU box is connected.",
      { hint: "Start the agent on the box: trainyard up, or trainyard agent --url URL." },
    );
  }
  findings.agentId = first.agent_id;
  return `${live.length} of ${agents.length} boxes connected`;
}

async function call(target: Target, findings: Findings): Promise<string> {
  const stats = await callTool(target, "get-system-stats", { agent: findings.agentId });
  const { active_jobs: active, connectivity } = read(statsSchema, stats);
  if (connectivity !== "live") {
    throw new AppError("AGENT_OFFLINE", "The box went away while it was asked.");
  }
  return `the box answers; ${active} active ${active === 1 ? "job" : "jobs"}`;
}

async function callTool(target: Target, name: string, args: object): Promise<unknown> {
  const body = bodyOf(
    await ask(target.address(), {
      token: target.token(),
      path: "/mcp/tool",
      body: { name, arguments: args },
      signal: signal(),
    }),
  );
  return body["data"];
}

function bodyOf(answer: Answer): Readonly<Record<string, unknown>> {
  if (!answer.ok) throw new RefusedStep(answer.error);
  return answer.body;
}

function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError(
    "CONTROL_PLANE_UNREACHABLE",
    "What answers at the address is not Trainyard, or one of another age.",
  );
}
