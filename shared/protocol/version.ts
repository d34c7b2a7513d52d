/**
 * History of the agent link, newest last. A change that an old peer can ignore keeps the number; one it cannot ignore is
 * accepted by the receiver a release before the sender uses it. `schemaHash` is pinned by a test: whoever changes a
 * message meets it and decides.
 *
 * 1 (0.1.0): challenge, hello, one durable stream per attempt, live lane, epoch, calls. Later: announce and announced, between
 * ends that both know them ([A1]).
 */
export const protocolVersion = 1;
export const protocolVersions: readonly number[] = [1];

/** WebSocket subprotocol of the socket. */
export const subprotocol = "trainyard.v1";

/** Exact texts: the object's auto-response matches bytes and answers without waking up. */
export const pingText = "ping";
export const pongText = "pong";

/** Highest version both sides speak, or null. */
export function negotiateProtocol(offered: readonly number[]): number | null {
  const common = offered.filter((version) => protocolVersions.includes(version));
  return common.length === 0 ? null : Math.max(...common);
}

/** What the agent signs: bound to purpose, edge, identity, process and one nonce, so no part can be reused elsewhere. */
export function helloText(parts: {
  origin: string;
  agentId: string;
  instanceId: string;
  nonce: string;
}): string {
  return [
    "trainyard agent hello v1",
    parts.origin,
    parts.agentId,
    parts.instanceId,
    parts.nonce,
  ].join("\n");
}
