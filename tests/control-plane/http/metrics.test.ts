import { describe, expect, it } from "vitest";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";

const yard = await createYard();
const agent = await connectAgent(yard);
await yard.call("create-training-config", {
  name: "cats",
  model_name: "tiny",
  dataset_path: "cats",
});
const started = await yard.call("start-training", { config_name: "cats" });
const jobId = String(started.data["job_id"]);
await agent.events(
  jobId,
  [
    { kind: "state", atMs: 1, state: "running" },
    {
      kind: "metrics",
      steps: [0, 1, 2, 3],
      atMs: [1, 2, 3, 4],
      values: { loss: [0.5, "NaN", 0.25, "Infinity"], lr: [1e-4, 1e-4, null, 1e-4] },
    },
  ],
  {},
);

async function get(path: string, token = yard.tokens.read) {
  const response = await yard.fetch(path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

describe("GET /jobs/:job_id/metrics", () => {
  it("gives one key's series in columns, NaN as NaN", async () => {
    const { status, body } = await get(`/jobs/${jobId}/metrics`);

    expect(status).toBe(200);
    expect(body).toEqual({
      ok: true,
      request_id: expect.any(String) as string,
      job_id: jobId,
      key: "loss",
      keys: ["loss", "lr"],
      steps: [0, 1, 2, 3],
      values: [0.5, "NaN", 0.25, "Infinity"],
      attempts: [1, 1, 1, 1],
      next: null,
    });
  });

  it("pages by step, and skips what has no value", async () => {
    expect((await get(`/jobs/${jobId}/metrics?key=lr`)).body).toMatchObject({ steps: [0, 1, 3] });
    expect((await get(`/jobs/${jobId}/metrics?limit=2`)).body).toMatchObject({
      steps: [0, 1],
      next: 2,
    });
    expect((await get(`/jobs/${jobId}/metrics?from=2&limit=2`)).body).toMatchObject({
      steps: [2, 3],
      next: null,
    });
    expect((await get(`/jobs/${jobId}/metrics?key=nothing`)).body).toMatchObject({
      steps: [],
      values: [],
    });
    expect((await get(`/jobs/${jobId}/metrics?attempt=2`)).body).toMatchObject({ steps: [] });
  });

  it.each(["from=-1", "from=x", "limit=0", "limit=1e9", "limit=", "attempt=0"])(
    "refuses %s",
    async (query) => {
      const { status, body } = await get(`/jobs/${jobId}/metrics?${query}`);

      expect([status, body["error"].code]).toEqual([400, "INVALID_ARGUMENT"]);
    },
  );

  it("knows no job of another owner, and none without a token", async () => {
    const other = await createYard();
    const foreign = await other.fetch(`/jobs/${jobId}/metrics`, {
      headers: { authorization: `Bearer ${other.tokens.admin}` },
    });

    expect(foreign.status).toBe(404);
    expect((await yard.fetch(`/jobs/${jobId}/metrics`)).status).toBe(401);
  });
});
