import type { Hono } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import type { Env, Settings } from "../env.ts";
import { errorResponse } from "./responses.ts";

/** What every route may count on: set in front of all of them. */
export interface Door {
  Bindings: Env;
  Variables: {
    requestId: string;
    settings: Settings;
    /** As the caller knows this place: what links in answers begin with. */
    origin: string;
  };
}

/** Registered last: a path that has a route, asked with another method, is 405 and names the methods it has. */
export function refuseOtherMethods(app: Hono<Door>): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    const known = methods.get(path) ?? new Set();
    known.add(method);
    if (method === "GET") known.add("HEAD");
    methods.set(path, known);
  }
  for (const [path, known] of methods) {
    const allow = [...known].sort().join(", ");
    app.all(path, (c) => {
      const refusal = new AppError(
        "METHOD_NOT_ALLOWED",
        `${c.req.method} is not possible at this address.`,
        { hint: `Use ${allow}.` },
      );
      const response = errorResponse(refusal, c.get("requestId"), c.req.path);
      response.headers.set("allow", allow);
      return response;
    });
  }
}
