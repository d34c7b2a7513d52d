import { Hono } from "hono";
import { agentParts } from "./agent-parts.ts";
import type { Door } from "./door.ts";
import { downloadLinks } from "./download-links.ts";
import { reportLinks } from "./report-links.ts";
import { uploadLinks } from "./upload-links.ts";

/** Bytes in and out by signed link. The link is the permission: no token is asked for, none is read. */
export const files = new Hono<Door>();
for (const links of [uploadLinks, downloadLinks, reportLinks, agentParts]) files.route("/", links);
