import type { ReadResourceResult } from "@modelcontextprotocol/server";
import { png } from "./fixture-tool.ts";

interface FixtureResource {
  readonly uri: string;
  readonly mimeType: string;
  readonly contents: ReadResourceResult["contents"][number];
}

const text = "This is the content of the static text resource.";

export const fixtureResources: readonly FixtureResource[] = [
  {
    uri: "test://static-text",
    mimeType: "text/plain",
    contents: { uri: "test://static-text", mimeType: "text/plain", text },
  },
  {
    uri: "test://static-binary",
    mimeType: "image/png",
    contents: { uri: "test://static-binary", mimeType: "image/png", blob: png },
  },
];
