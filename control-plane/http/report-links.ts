import { Hono } from "hono";
import { reportFileName } from "@trainyard/shared/analysis/report/report-markdown.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { reportFormats } from "@trainyard/shared/tools/export-observability-report.ts";
import { createContext } from "../tools/context.ts";
import {
  extensions,
  makeExport,
  mediaTypes,
  renderExport,
  wishOfLink,
} from "../tools/report-export.ts";
import { disposition } from "./disposition.ts";
import type { Door } from "./door.ts";
import { openLink } from "./open-link.ts";

export const reportLinks = new Hono<Door>();

/** Made from the Job while it is fetched: nothing of it is stored, and it is true when the box is off. */
reportLinks.get("/files/r/:token/:format", async (c) => {
  const settings = c.get("settings");
  const link = await openLink(c, "report");
  const format = reportFormats.find((name) => name === c.req.param("format"));
  if (format === undefined) {
    throw new AppError("NOT_FOUND", "A report has no such form.", {
      hint: `The last part of the link is one of ${reportFormats.join(", ")}.`,
    });
  }
  const context = createContext({
    env: c.env,
    settings,
    principal: { owner: link.o, tokenId: "link", scopes: new Set(["read"]) },
    origin: c.get("origin"),
    door: "http",
    calledAs: "",
    given: new Set(),
    signal: c.req.raw.signal,
    deadlineAtMs: Date.now() + limits.callTimeoutMs,
  });
  const text = renderExport(format, await makeExport(wishOfLink(link), context));
  const name = `${reportFileName(link.p, link.j, link.t)}.${extensions[format]}`;
  // A page is to be looked at; it brings its own style and may load nothing.
  const shown = format === "html" ? "inline" : "attachment";
  return c.body(text, 200, {
    "content-type": mediaTypes[format],
    "content-disposition": disposition(name).replace(/^attachment/, shown),
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
  });
});
