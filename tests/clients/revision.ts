import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Yard } from "./client.ts";

/** For clients that do not say which revision they speak: a place before Trainyard that hears it, and carries everything as it is. */
export async function hearRevision(
  yard: Yard,
): Promise<{ readonly yard: Yard; revision: () => string; close: () => void }> {
  let heard = "";
  const target = new URL(yard.mcpUrl);
  const server = createServer((incoming, answer) => {
    const version = incoming.headers["mcp-protocol-version"];
    if (typeof version === "string") heard = version;
    const onward = request(
      new URL(incoming.url ?? "/", target),
      { method: incoming.method, headers: { ...incoming.headers, host: target.host } },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      },
    );
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    yard: { ...yard, mcpUrl: `http://127.0.0.1:${port}${target.pathname}` },
    revision: () => heard,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
