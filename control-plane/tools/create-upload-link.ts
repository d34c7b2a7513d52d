import { limits } from "@trainyard/shared/limits.ts";
import { parseDatasetRef, parseFilename } from "@trainyard/shared/names.ts";
import { mint, newNonce } from "../transfer/links.ts";
import { chooseAgent } from "./choose-agent.ts";
import type { EdgeHandler } from "./context.ts";
import { duration, iso } from "./words.ts";

export const createUploadLink: EdgeHandler<"create-upload-link"> = async (input, context) => {
  const dataset = parseDatasetRef(input.dataset_name);
  const filename = input.filename === undefined ? null : parseFilename(input.filename);
  const agent = await chooseAgent(context, input.agent);
  const expiresAtSeconds = Math.floor(context.now() / 1_000) + input.expires_in_seconds;
  const token = await mint(
    {
      v: 1,
      kind: "upload",
      o: context.principal.owner,
      a: agent.agentId,
      exp: expiresAtSeconds,
      n: newNonce(),
      d: dataset,
      ...(filename === null ? {} : { f: filename }),
      ...(input.one_time ? { once: true as const } : {}),
    },
    context.settings.linkKey,
  );
  const url = `${context.origin}/files/u/${token}`;
  const address = filename === null ? "<upload_url>/<filename>" : "<upload_url>";
  const offline =
    agent.connectivity === "offline"
      ? " The box is offline: upload when list-agents shows it live."
      : "";
  return {
    data: {
      upload_url: url,
      method: "PUT",
      dataset_name: dataset,
      dataset_path: `datasets/${dataset}`,
      expires_at: iso(expiresAtSeconds * 1_000),
      max_put_bytes: limits.putBytes,
      part_bytes: limits.partBytes,
      one_time: input.one_time,
      how: `Open it in a browser to drop files, or PUT the bytes of each file to ${address}; a caption is <picture's name>.txt. X-SHA256 is checked when sent. Larger files in parts: ?part=&offset=&total=.`,
      example: filename === null ? 'curl -T cat.png "$URL/cat.png"' : 'curl -T file "$URL"',
    },
    text: `upload_url takes PUTs to dataset ${dataset} for ${duration(input.expires_in_seconds)}; whoever has it can upload there.${offline} Next: list-datasets when the files are there.`,
  };
};
