import { z } from "zod";

/** `WireError` as it comes from the other end, which may be of another version: its code may be one we do not know. */
export const wireErrorSchema = z.object({
  code: z.string().max(64),
  message: z.string().max(1_000),
  hint: z.string().max(1_000).optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});
