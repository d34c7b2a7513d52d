import { createMiddleware } from "hono/factory";
import type { Door } from "./door.ts";

const maxCharacters = 128;

/** The caller's own id is kept, so that its log and ours can be joined; it goes back in a header, so it holds no line end. */
export const requestId = createMiddleware<Door>(async (c, next) => {
  const id = acceptedId(c.req.header("x-request-id")) ?? crypto.randomUUID();
  c.set("requestId", id);
  await next();
  // An upgraded socket's response must stay the object the runtime made.
  if (c.res.status !== 101) c.header("x-request-id", id);
});

function acceptedId(given: string | undefined): string | null {
  const id = given?.trim() ?? "";
  return id === "" || id.length > maxCharacters || /[^\x20-\x7e]/.test(id) ? null : id;
}
