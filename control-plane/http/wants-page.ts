import type { Context } from "hono";
import { accepts } from "hono/accepts";
import type { Door } from "./door.ts";

/** Only who asks for a page first: programs ask for anything, MCP clients for JSON or an event stream. */
export function wantsPage(c: Context<Door>): boolean {
  return (
    accepts(c, {
      header: "Accept",
      supports: ["application/json", "text/event-stream", "text/html"],
      default: "application/json",
    }) === "text/html"
  );
}
