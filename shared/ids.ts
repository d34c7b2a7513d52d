/** Branded ids: a job id cannot be handed where an agent id is wanted. */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type AgentId = Branded<"AgentId">;
export type JobId = Branded<"JobId">;
export type CallId = Branded<"CallId">;
export type TransferId = Branded<"TransferId">;

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * 26 characters of Crockford base 32 (130 random bits): a handle, never an authentication. No vowel pair reads
 * as a word and no letter is mistaken for a digit, so a person can read one over the phone.
 */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(26));
  let id = "";
  for (const byte of bytes) id += alphabet[byte & 31];
  return id;
}

export function newJobId(): JobId {
  return `job_${randomId()}` as JobId;
}

export function newCallId(): CallId {
  return `call_${randomId()}` as CallId;
}

export function newTransferId(): TransferId {
  return `tr_${randomId()}` as TransferId;
}

/** Also the `webhook-id` of every attempt. */
export function newDeliveryId(): string {
  return `dlv_${randomId()}`;
}

export const jobIdPattern = /^job_[0-9a-hjkmnp-tv-z]{26}$/;
export const agentIdPattern = /^agent_[0-9a-hjkmnp-tv-z]{26}$/;
