import WebSocket from "ws";
import { limits } from "@trainyard/shared/limits.ts";
import { subprotocol } from "@trainyard/shared/protocol/version.ts";
import type { OpenSocket } from "./connection.ts";

/** No compression: frames are small, and zlib keeps a quarter of a megabyte for every socket. */
export const openWebSocket: OpenSocket = ({ url, agentId }, events) => {
  const socket = new WebSocket(url, [subprotocol], {
    headers: { "x-trainyard-agent": agentId },
    perMessageDeflate: false,
    maxPayload: limits.frameHardBytes,
    handshakeTimeout: limits.helloTimeoutMs,
    followRedirects: false,
  });
  let problem = "";
  socket.on("message", (data, isBinary) => {
    if (!isBinary) events.onText((data as Buffer).toString("utf8"));
  });
  // What failed is told by `close`, which always follows.
  socket.on("error", (error) => {
    problem = error.message;
  });
  socket.on("close", (code, reason) => events.onClosed(code, reason.toString("utf8") || problem));
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    buffered: () => socket.bufferedAmount,
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
};
