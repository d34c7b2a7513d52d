/** An address as a number, so that a range is a comparison. IPv4 inside IPv6 (`::ffff:1.2.3.4`) is IPv4. */
export interface IpAddress {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

export interface Cidr {
  readonly network: IpAddress;
  readonly prefix: number;
}

/** null for what is no address: names, ports, zones and octal spellings are none. */
export function parseIpAddress(text: string): IpAddress | null {
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return parseV4(text);
  if (!/^[\da-f:.]{2,45}$/i.test(text) || !text.includes(":")) return null;
  if (!URL.canParse(`http://[${text}]/`)) return null;
  // The URL parser writes eight groups of hexadecimal, with the longest run of zeros left out.
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const before = head.split(":").filter((group) => group !== "");
  const after = (tail ?? "").split(":").filter((group) => group !== "");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value };
}

function parseV4(text: string): IpAddress | null {
  const parts = text.split(".");
  if (parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith("0")))) {
    return null;
  }
  return { bits: 32, value: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) };
}

/**
 * `10.0.0.0/8, 2001:db8::/32, 192.0.2.7`. An entry that is none is left out: trusting less than was meant is the safe
 * mistake.
 */
export function parseCidrs(text: string | undefined): Cidr[] {
  return (text ?? "").split(/[\s,]+/).flatMap((entry) => {
    const [address = "", prefixText, ...rest] = entry.split("/");
    const network = parseIpAddress(address);
    if (network === null || rest.length > 0) return [];
    const prefix = prefixText === undefined ? network.bits : wholeNumber(prefixText);
    return prefix === null || prefix > network.bits ? [] : [{ network, prefix }];
  });
}

export function inCidr({ network, prefix }: Cidr, address: IpAddress): boolean {
  const below = BigInt(network.bits - prefix);
  return network.bits === address.bits && network.value >> below === address.value >> below;
}

/** One subscriber has one IPv4 address, but a whole /64 of IPv6: counting single addresses would count nothing. */
export function subscriberOf(address: IpAddress): string {
  return address.bits === 32 ? `4/${address.value}` : `6/${address.value >> 64n}`;
}

function wholeNumber(text: string): number | null {
  return /^\d{1,3}$/.test(text) ? Number(text) : null;
}
