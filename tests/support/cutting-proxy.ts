import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** A TCP proxy on loopback that cuts its connections when so many bytes went one way: a line that breaks, byte for byte. */
export interface CuttingProxy {
  readonly url: string;
  /** Bytes that passed since the start, HTTP heads included. */
  readonly up: number;
  readonly down: number;
  /** Cuts every connection once this many more bytes went that way; each entry one cut, the next counts from there. */
  cut(way: "up" | "down", afterBytes: readonly number[]): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const passed = { up: 0, down: 0 };
  const cuts = { up: [] as number[], down: [] as number[] };

  const relay = (from: Socket, to: Socket, way: "up" | "down"): void => {
    from.on("data", (chunk) => {
      passed[way] += chunk.byteLength;
      const [next] = cuts[way];
      if (next !== undefined && passed[way] >= next) {
        cuts[way].shift();
        for (const socket of sockets) socket.destroy();
        return;
      }
      if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  };
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
    relay(client, upstream, "up");
    relay(upstream, client, "down");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get up() {
      return passed.up;
    },
    get down() {
      return passed.down;
    },
    cut(way, afterBytes) {
      let at = passed[way];
      cuts[way] = afterBytes.map((bytes) => (at += bytes));
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
