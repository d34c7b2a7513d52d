import { describe, expect, it } from "vitest";
import {
  inCidr,
  parseCidrs,
  parseIpAddress,
  subscriberOf,
} from "../../../control-plane/http/ip-address.ts";

describe("an address", () => {
  it.each([
    ["0.0.0.0", 32, 0n],
    ["192.0.2.1", 32, 0xc0000201n],
    ["255.255.255.255", 32, 0xffffffffn],
    ["::", 128, 0n],
    ["::1", 128, 1n],
    ["2001:db8::1", 128, 0x20010db8000000000000000000000001n],
    ["2001:DB8:0:0:0:0:0:1", 128, 0x20010db8000000000000000000000001n],
    ["::ffff:192.0.2.1", 32, 0xc0000201n],
    ["::ffff:c000:201", 32, 0xc0000201n],
  ])("%s is read", (text, bits, value) => {
    expect(parseIpAddress(text)).toEqual({ bits, value });
  });

  it.each([
    "",
    "unknown",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "010.1.1.1",
    "1.2.3.4:80",
    "0x7f.0.0.1",
    "2130706433",
    "fe80::1%eth0",
    "::1]/@x",
    "1::2::3",
    "12345::",
    "_hidden",
  ])("%j is none", (text) => {
    expect(parseIpAddress(text)).toBeNull();
  });
});

describe("ranges", () => {
  const at = (cidrs: string, address: string) => {
    const parsed = parseIpAddress(address);
    return parsed !== null && parseCidrs(cidrs).some((cidr) => inCidr(cidr, parsed));
  };

  it.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.1.2.3/8", "10.9.9.9", true],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.8", false],
    ["0.0.0.0/0", "198.51.100.1", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["bad, 10.0.0.0/33, 10.0.0.0/x, 10.0.0.0/8/8, 172.16.0.0/12", "172.31.0.1", true],
    ["bad, 10.0.0.0/33, 10.0.0.0/x, 10.0.0.0/8/8, 172.16.0.0/12", "10.0.0.1", false],
    ["", "10.0.0.1", false],
  ])("%s has %s: %s", (cidrs, address, inside) => {
    expect(at(cidrs, address)).toBe(inside);
  });
});

describe("a subscriber", () => {
  const of = (text: string) => subscriberOf(parseIpAddress(text)!);

  it("has one IPv4 address, or a /64", () => {
    expect(of("192.0.2.1")).not.toBe(of("192.0.2.2"));
    expect(of("::ffff:192.0.2.1")).toBe(of("192.0.2.1"));
    expect(of("2001:db8:0:1::1")).toBe(of("2001:db8:0:1:ffff::9"));
    expect(of("2001:db8:0:1::1")).not.toBe(of("2001:db8:0:2::1"));
  });
});
