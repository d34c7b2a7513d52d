import { describe, expect, it } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { guides, resourceTemplates } from "../../../shared/resources/registry.ts";
import { parseResourceUri, resourceUri } from "../../../shared/resources/resource-uri.ts";
import type { ResourceAddress } from "../../../shared/resources/resource-uri.ts";

describe("the addresses of resources", () => {
  it.each<[string, ResourceAddress]>([
    ["trainyard://guides/training", { kind: "guide", guide: "training" }],
    ["trainyard://configs/My.cats_2-b", { kind: "config", name: "My.cats_2-b" }],
    ["trainyard://jobs/job_0abc/report", { kind: "report", jobId: "job_0abc" }],
  ])("%s is read and written", (uri, address) => {
    expect(parseResourceUri(uri)).toEqual(address);
    expect(resourceUri(address)).toBe(uri);
  });

  it.each([
    "",
    "training",
    "file:///etc/passwd",
    "https://configs/cats",
    "trainyard://configs/",
    "trainyard://configs/a/b",
    "trainyard://configs/..%2fsecret",
    "trainyard://configs/cats?x=1",
    "trainyard://configs/cats\n",
    "trainyard://jobs/job_1",
    "trainyard://jobs/job_1/report/",
    "trainyard://jobs/../report",
    "TRAINYARD://configs/cats",
    `trainyard://configs/${"x".repeat(101)}`,
    "test://nonexistent-resource-for-conformance-testing",
  ])("%j is none of ours", (uri) => {
    expect(parseResourceUri(uri)).toBeNull();
  });

  it("take every name that a config can have", () => {
    const name = "x".repeat(limits.nameCharacters);

    expect(parseResourceUri(resourceUri({ kind: "config", name }))).toEqual({
      kind: "config",
      name,
    });
  });
});

describe("the templates", () => {
  it("are the forms that are read, and complete each of their variables", () => {
    for (const { entry, completes } of resourceTemplates) {
      const variables = [...entry.uriTemplate.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);

      expect(Object.keys(completes)).toEqual(variables);
      expect(parseResourceUri(entry.uriTemplate.replaceAll(/\{\w+\}/g, "x1"))).not.toBeNull();
    }
  });
});

describe("the guides", () => {
  it.each(guides.map((guide) => [guide.name, guide] as const))("%s is a page", (_, guide) => {
    const text = guide.render();

    expect(text).toMatch(/^# \w/);
    expect(text.length).toBeGreaterThan(5_000);
    expect(parseResourceUri(guide.uri)).toEqual({ kind: "guide", guide: guide.name });
  });
});
