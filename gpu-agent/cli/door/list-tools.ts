import { z } from "zod";
import { ask } from "./http-door.ts";
import type { Answer } from "./http-door.ts";
import { notTrainyard } from "./http-door.ts";
import type { Target } from "./target.ts";

const listSchema = z.object({
  tools: z.array(z.looseObject({ name: z.string(), description: z.string() })),
});
export type ListedTool = z.infer<typeof listSchema>["tools"][number];

/** The tools that the token's scope allows, or the refusal. */
export async function listTools(
  target: Target,
  signal?: AbortSignal,
): Promise<Extract<Answer, { ok: false }> | { readonly ok: true; readonly tools: ListedTool[] }> {
  const answer = await ask(target.address(), {
    token: target.token(),
    path: "/tools",
    ...(signal === undefined ? {} : { signal }),
  });
  if (!answer.ok) return answer;
  const parsed = listSchema.safeParse(answer.body);
  if (!parsed.success) throw notTrainyard(200);
  return { ok: true, tools: parsed.data.tools };
}
