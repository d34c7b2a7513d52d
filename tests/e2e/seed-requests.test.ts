import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pretendToolkit } from "../support/pretend-toolkit.ts";
import { safetensors } from "../support/safetensors.ts";
import { pictures, root, startTrainyard, untilEnded } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

/**
 * Every request that the documents of the earlier servers print, as it stands there: the base URL and the token are changed, and what
 * a server gives out or a person fills in (`placeholders` of the fixture).
 */
interface Example {
  readonly seed: string;
  /** Of that server's document. */
  readonly line: number;
  readonly method?: string;
  readonly path?: string;
  readonly body?: unknown;
  /** For documents that print a call of an MCP client. */
  readonly mcp?: string;
  readonly arguments?: unknown;
  /** Code of the failure, null where it succeeds on a box that has nothing. */
  readonly empty: string | null;
  /** What the answer holds when its preconditions are met: values by dotted path; "…" is "anything but nothing". */
  readonly filled: Readonly<Record<string, unknown>>;
}

const fixture = JSON.parse(
  readFileSync(join(root, "tests", "fixtures", "seed-requests.json"), "utf8"),
) as { readonly placeholders: Readonly<Record<string, string>>; readonly examples: Example[] };

interface Outcome {
  readonly status: number;
  readonly code: string | null;
  readonly answer: unknown;
}

let receiver: Server;
let received: { alerts: unknown[] }[] = [];
let hook = "";

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      received.push(JSON.parse(text) as { alerts: unknown[] });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  hook = `127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});
afterAll(() => receiver.close());

const title = ({ seed, line, mcp, method, path, body }: Example) =>
  `${seed} line ${line}: ${mcp ?? toolOf(body) ?? `${method} ${path}`}`;

function toolOf(body: unknown): string | undefined {
  const { tool, name } = (body ?? {}) as { tool?: string; name?: string };
  return tool ?? name;
}

/** Sends it as printed. Whatever way a server says "failed", its code comes out. */
async function send(
  example: Example,
  { url, token }: Trainyard["ready"],
  given: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const { mcp } = example;
  const printed =
    mcp === undefined
      ? example.body
      : {
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name: mcp, arguments: example.arguments },
        };
  const response = await fetch(`${url}${mcp === undefined ? example.path : "/mcp/all"}`, {
    method: mcp === undefined ? (example.method as string) : "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    ...(printed === undefined ? {} : { body: fillIn(printed, given) }),
  });
  const text = await response.text();
  const body = JSON.parse(
    text.startsWith("{") ? text : (/^data: (.+)$/m.exec(text)?.[1] ?? ""),
  ) as {
    error?: { code: string };
    data?: unknown;
    result?: { isError?: boolean; content: { text: string }[]; structuredContent: unknown };
  };
  if (mcp === undefined)
    return { status: response.status, code: body.error?.code ?? null, answer: body.data ?? body };
  const { result } = body;
  const failed = result?.isError === true;
  return {
    status: response.status,
    code: failed ? (/^[A-Z_]+/.exec(result.content[0]?.text ?? "")?.[0] ?? "") : null,
    answer: result?.structuredContent ?? body,
  };
}

/** Whole strings only: a name that merely holds one stays as it is. */
function fillIn(printed: unknown, given: Readonly<Record<string, string>>): string {
  return JSON.stringify(printed, (_key, value: unknown) =>
    typeof value === "string" && Object.hasOwn(given, value) ? given[value] : value,
  );
}

function valueAt(answer: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | null)?.[key], answer);
}

describe("the requests that the earlier servers' documents print", () => {
  it("are all here", () => {
    const counts: Record<string, number> = {};
    for (const { seed } of fixture.examples) counts[seed] = (counts[seed] ?? 0) + 1;
    expect(counts).toEqual({ S0: 44, S1: 11, S2: 12, S3: 5, S4: 4 });
  });

  describe("on an empty box", () => {
    let trainyard: Trainyard;
    beforeAll(async () => {
      trainyard = await startTrainyard({
        env: { AI_TOOLKIT_PATH: "/nowhere", TRAINYARD_WEBHOOK_ALLOW: hook },
      });
    });
    afterAll(() => trainyard.close());

    it.each(fixture.examples.map((example) => [title(example), example] as const))(
      "%s",
      async (_title, example) => {
        const outcome = await send(example, trainyard.ready, { ...atHook() });

        expect(outcome.code, JSON.stringify(outcome.answer)).toBe(example.empty);
        if (example.mcp === undefined) {
          expect(outcome.status < 400).toBe(example.empty === null);
          expect(outcome.status).toBeLessThan(500);
        }
      },
    );
  });

  describe("when what they need is there", () => {
    let trainyard: Trainyard;
    let given: Record<string, string>;
    beforeAll(async () => {
      received = [];
      trainyard = await startTrainyard({
        env: { ...pretendToolkit, TRAINYARD_WEBHOOK_ALLOW: hook },
      });
      given = { ...atHook(), ...(await fill(trainyard)) };
    }, 120_000);
    afterAll(() => trainyard.close());

    it.each(fixture.examples.map((example) => [title(example), example] as const))(
      "%s",
      async (_title, example) => {
        const { code, answer } = await send(example, trainyard.ready, given);

        expect(code, JSON.stringify(answer)).toBeNull();
        for (const [path, value] of Object.entries(example.filled)) {
          const found = valueAt(answer, path);
          if (value === "…") expect(found, path).toBeTruthy();
          else expect(found, path).toEqual(value);
        }
      },
    );
  });

  function atHook(): Record<string, string> {
    return {
      "https://example.com/hooks/training-alerts": `http://${hook}/hooks/training-alerts`,
    };
  }
});

/** Pictures, configs and finished jobs of the names that the documents use; answers what stands for their placeholders. */
async function fill(trainyard: Trainyard): Promise<Record<string, string>> {
  const photos = await pictures(200, 6);
  // One caption is missing, and one picture is there twice.
  const { "picture-0.txt": _caption, ...rest } = photos;
  const worn = { ...rest, "twice.png": photos["picture-1.png"] as Buffer };
  for (const name of ["my-dataset", "my_style", "fantasy-style"]) {
    await trainyard.upload(name, worn);
  }
  const cut = (photos["picture-2.png"] as Buffer).subarray(0, 60);
  await trainyard.upload("my_dataset", worn);
  // The door refuses a picture that cannot be decoded; one that was copied there by hand is another matter.
  writeFileSync(join(trainyard.home, "datasets", "my_dataset", "broken.png"), cut);
  const flux = fixture.examples.find(({ body }) => toolOf(body) === "create-training-config");
  if (flux === undefined) throw new Error("No example makes a config.");
  const { arguments: printed } = flux.body as { arguments: Record<string, unknown> };
  const configs: Record<string, Record<string, unknown>> = {
    "my-flux-lora": {},
    "experimental-config": {},
    my_lora_config: {},
    // A job of it has something to be alerted of.
    "worn-lora": { dataset_path: "datasets/my_dataset" },
    "short-lora": { steps: 400 },
  };
  for (const [name, changed] of Object.entries(configs)) {
    await succeed(trainyard, "create-training-config", { ...printed, ...changed, name });
  }
  await succeed(trainyard, "create-training-config", {
    name: "my_style_lora",
    model_name: "ostris/Flux.1-alpha",
    dataset_path: "/ai-toolkit/datasets/my_style",
  });
  const jobs: string[] = [];
  for (const config_name of ["worn-lora", "short-lora", "my_style_lora"]) {
    const { job_id } = await succeed(trainyard, "start-training", { config_name });
    expect(await untilEnded(trainyard, job_id as string)).toMatchObject({ status: "completed" });
    jobs.push(job_id as string);
  }
  mkdirSync(join(trainyard.home, "outputs", "my-flux-lora"), { recursive: true });
  writeFileSync(
    join(trainyard.home, "outputs", "my-flux-lora", "checkpoint-1000.safetensors"),
    safetensors(new Uint8Array(16)),
  );
  const [a, b, c] = jobs as [string, string, string];
  const stands: Record<string, string> = { a, b, c };
  return Object.fromEntries(
    Object.entries(fixture.placeholders).map(([placeholder, what]) => [
      placeholder,
      stands[what] ?? (photos["picture-3.png"] as Buffer).toString("base64"),
    ]),
  );
}

async function succeed(trainyard: Trainyard, tool: string, args: Record<string, unknown>) {
  const answer = await trainyard.call(tool, args);
  expect(answer.error, tool).toBeNull();
  return answer.data;
}
