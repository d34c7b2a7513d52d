import { describe, expect, it } from "vitest";
import { AppError } from "../../../shared/errors.ts";
import {
  checkDestination,
  parseAllowList,
  redactedDestination,
} from "../../../shared/alerts/url-policy.ts";

const nobody = parseAllowList(undefined);

function codeOf(url: string, allow = nobody): string {
  try {
    checkDestination(url, allow);
    return "allowed";
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe("[W21] where an alert may go", () => {
  it.each([
    "https://hooks.slack.com/services/T/B/x",
    "https://discord.com/api/webhooks/1/x",
    "https://ntfy.sh/topic",
    "https://example.com:8443/a?b=c",
    "https://EXAMPLE.com:443/",
    "https://xn--bcher-kva.example.org/",
    "https://bücher.example.org/@handle",
  ])("%s", (url) => {
    expect(codeOf(url)).toBe("allowed");
  });

  it.each([
    ["http://example.com/", "HTTPS_REQUIRED"],
    ["ftp://example.com/", "HTTPS_REQUIRED"],
    ["file:///etc/passwd", "HTTPS_REQUIRED"],
    ["javascript:alert(1)", "HTTPS_REQUIRED"],
    ["https://127.0.0.1/", "HOST_REFUSED"],
    ["https://2130706433/", "HOST_REFUSED"],
    ["https://0x7f.1/", "HOST_REFUSED"],
    ["https://0177.0.0.1/", "HOST_REFUSED"],
    ["https://127.1/", "HOST_REFUSED"],
    ["https://127.0.0.1./", "HOST_REFUSED"],
    ["https://①②⑦.⓪.⓪.①/", "HOST_REFUSED"],
    ["https://%31%32%37.0.0.1/", "HOST_REFUSED"],
    ["https://10.0.0.5/", "HOST_REFUSED"],
    ["https://169.254.169.254/latest/meta-data", "HOST_REFUSED"],
    ["https://8.8.8.8/", "HOST_REFUSED"],
    ["https://[::1]/", "HOST_REFUSED"],
    ["https://[::ffff:10.0.0.1]/", "HOST_REFUSED"],
    ["https://[fd00::1]/", "HOST_REFUSED"],
    ["https://[64:ff9b::7f00:1]/", "HOST_REFUSED"],
    ["https://localhost/", "HOST_REFUSED"],
    ["https://LOCALHOST./", "HOST_REFUSED"],
    ["https://a.localhost/", "HOST_REFUSED"],
    ["https://printer.local/", "HOST_REFUSED"],
    ["https://x.internal/", "HOST_REFUSED"],
    ["https://metadata.google.internal/", "HOST_REFUSED"],
    ["https://metadata.google.internal./", "HOST_REFUSED"],
    ["https://router.lan/", "HOST_REFUSED"],
    ["https://nas.home.arpa/", "HOST_REFUSED"],
    ["https://intranet/", "HOST_REFUSED"],
    ["https://127.0.0.1.nip.io/", "HOST_REFUSED"],
    ["https://localtest.me/", "HOST_REFUSED"],
    ["https://ｌｏｃａｌｈｏｓｔ/", "HOST_REFUSED"],
    ["https://user:pw@example.com/", "CREDENTIALS_IN_URL"],
    ["https://user@example.com/", "CREDENTIALS_IN_URL"],
    ["https://@example.com/", "CREDENTIALS_IN_URL"],
    ["https://example.com@10.0.0.1/", "CREDENTIALS_IN_URL"],
    ["https://example.com:22/", "PORT_REFUSED"],
    ["https://example.com:6379/", "PORT_REFUSED"],
    ["https://example.com:80/", "PORT_REFUSED"],
    ["https://exam\tple.com/", "INVALID_ARGUMENT"],
    ["https://example.com/\r\nHost: x", "INVALID_ARGUMENT"],
    ["https:\\\\example.com\\", "INVALID_ARGUMENT"],
    [" https://example.com/", "INVALID_ARGUMENT"],
    ["https://exa\u200bmple.com/", "INVALID_ARGUMENT"],
    ["https://", "INVALID_ARGUMENT"],
    ["example.com", "INVALID_ARGUMENT"],
    [`https://example.com/${"x".repeat(2_048)}`, "INVALID_ARGUMENT"],
  ])("[B34] [B35] [B36] [B37] [B38] [B41] not %j: %s", (url, code) => {
    expect(codeOf(url)).toBe(code);
  });

  it("only the operator's own entries may be anything else, port and all", () => {
    const allow = parseAllowList("127.0.0.1:9000, nas.lan, [::1]:8080,,not a host");

    expect(codeOf("http://127.0.0.1:9000/x", allow)).toBe("allowed");
    expect(codeOf("http://2130706433:9000/x", allow)).toBe("allowed");
    expect(codeOf("https://nas.lan/x", allow)).toBe("allowed");
    expect(codeOf("http://[::1]:8080/x", allow)).toBe("allowed");
    expect(codeOf("http://127.0.0.1:9001/x", allow)).toBe("HTTPS_REQUIRED");
    expect(codeOf("https://nas.lan:8443/x", allow)).toBe("HOST_REFUSED");
    expect(codeOf("ftp://127.0.0.1:9000/x", allow)).toBe("HTTPS_REQUIRED");
    expect(codeOf("http://u:p@127.0.0.1:9000/x", allow)).toBe("CREDENTIALS_IN_URL");
  });

  it("is shown without what is secret in it", () => {
    const shown = (url: string) => redactedDestination(checkDestination(url, nobody));

    expect(shown("https://hooks.slack.com/services/T0/B0/secret")).toBe(
      "https://hooks.slack.com/…",
    );
    expect(shown("https://example.com/?key=secret#secret")).toBe("https://example.com/…");
    expect(shown("https://example.com")).toBe("https://example.com");
  });
});
