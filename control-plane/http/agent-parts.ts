import { Hono } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import { transferOf } from "../stubs.ts";
import { ownerOfTicket } from "../transfer/tickets.ts";
import type { Door } from "./door.ts";

/** The box's side of a transfer: it fetches the parts of an upload and posts those of a download, with a ticket. */
export const agentParts = new Hono<Door>();

agentParts.on(["GET", "POST"], "/files/agent/:transferId/parts/:part", (c) => {
  const { transferId, part } = c.req.param();
  const authorization = c.req.header("authorization") ?? "";
  const owner = ownerOfTicket(authorization);
  // Only owners with a box have transfers: a guessed name must not create an object.
  const known = c.get("settings").agents.some((agent) => agent.owner === owner);
  if (
    owner === null ||
    !known ||
    !/^tr_[0-9a-z]{26,40}$/.test(transferId) ||
    !/^\d{1,6}$/.test(part)
  ) {
    throw new AppError("LINK_INVALID", "This ticket is not one of ours.");
  }
  const headers = new Headers({ authorization });
  for (const [from, to] of [
    ["x-part-offset", "x-part-offset"],
    ["x-part-bytes", "x-part-bytes"],
    // Not as content-length: between objects a body has none of its own.
    ["content-length", "x-body-bytes"],
  ] as const) {
    const value = c.req.header(from);
    if (value !== undefined) headers.set(to, value);
  }
  return transferOf(c.env, owner, transferId).fetch(`https://transfer/parts/${part}`, {
    method: c.req.method,
    headers,
    body: c.req.method === "POST" ? c.req.raw.body : null,
  });
});
