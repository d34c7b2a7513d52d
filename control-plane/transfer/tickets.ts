/** The owner in front tells the Worker which object to ask; the rest is 122 random bits. */
export function newTicket(owner: string): string {
  return `${owner}~${crypto.randomUUID()}`;
}

export function ticketMatches(request: Request, ticket: string): boolean {
  const given = new TextEncoder().encode(request.headers.get("authorization") ?? "");
  const wanted = new TextEncoder().encode(`Ticket ${ticket}`);
  return given.byteLength === wanted.byteLength && crypto.subtle.timingSafeEqual(given, wanted);
}

/** The owner that a ticket names; null when it is none. It proves nothing yet: the object compares the whole. */
export function ownerOfTicket(authorization: string): string | null {
  return /^Ticket ([^~]{1,80})~[0-9a-f-]{36}$/.exec(authorization)?.[1] ?? null;
}
