import { describe, expect, it } from "vitest";
import recorded from "../../fixtures/client-sequences.json" with { type: "json" };
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

interface Step {
  readonly say: string;
  readonly method: string;
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sent unless it says not to. */
  readonly token?: boolean;
  readonly challenge?: string;
  readonly expect: { readonly status: number; readonly has?: Readonly<Record<string, unknown>> };
}

const sequences = recorded.sequences as unknown as readonly {
  readonly client: string;
  readonly source: string;
  readonly steps: readonly Step[];
}[];

/** JSON, or the last message of a stream; an empty body is null. */
async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return null;
  if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true) {
    return JSON.parse(text);
  }
  const data = text.split("\n").findLast((line) => line.startsWith("data: "));
  return JSON.parse(data?.slice(6) ?? "null");
}

function at(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((inside, key) => (inside as Record<string, unknown> | null)?.[key], value);
}

async function replay(yard: Yard, step: Step): Promise<void> {
  const response = await yard.fetch(step.path ?? "/mcp", {
    method: step.method,
    headers: {
      ...step.headers,
      ...(step.token === false ? {} : { authorization: `Bearer ${yard.tokens.train}` }),
    },
    ...(step.body === undefined ? {} : { body: JSON.stringify(step.body) }),
  });
  const body = await bodyOf(response);
  const told = `${step.say}: ${JSON.stringify(body)?.slice(0, 300)}`;

  expect([told, response.status]).toEqual([told, step.expect.status]);
  for (const [path, wanted] of Object.entries(step.expect.has ?? {})) {
    expect([step.say, path, at(body, path)]).toEqual([step.say, path, wanted]);
  }
  if (step.expect.status === 202) expect(body).toBeNull();
  if (step.challenge !== undefined) {
    expect(response.headers.get("www-authenticate")).toBe(step.challenge);
  }
  expect(response.headers.get("mcp-session-id")).toBeNull();
}

describe("the requests of a client that cannot be installed here, in its order", () => {
  it.each(sequences.map((sequence) => [sequence.client, sequence] as const))(
    "%s",
    async (_client, { steps, source }) => {
      const yard = await createYard();
      expect([source.length > 40, steps.length > 1]).toEqual([true, true]);
      for (const step of steps) await replay(yard, step);
    },
  );

  it("comes from each of the big ones", () => {
    const names = sequences.map(({ client }) => client).join();
    for (const client of ["claude.ai", "Claude Code", "ChatGPT", "VS Code", "Cursor"]) {
      expect(names).toContain(client);
    }
  });
});
