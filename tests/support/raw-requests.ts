import { connect } from "node:net";

/** What goes over a socket, byte by byte: no HTTP library would send it. */
export interface RawRequest {
  readonly what: string;
  readonly parts: readonly (string | Buffer)[];
  /** Of the first answer; null: the connection ends, or waits, without one. */
  readonly status: number | null;
  /** Closed after the last part, as when a client dies. */
  readonly cut?: true;
}

export interface RawAnswer {
  readonly status: number | null;
  readonly text: string;
  readonly ms: number;
}

/** @param host As `127.0.0.1:8787`. */
export function rawRequests(host: string, token: string): readonly RawRequest[] {
  const own = `Host: ${host}\r\nAuthorization: Bearer ${token}\r\n`;
  const call = '{"name":"list-agents"}';
  const chunked = `16\r\n${call}\r\n0\r\n\r\n`;
  const post = (headers: string, body: string, path = "/mcp/tool"): string =>
    `POST ${path} HTTP/1.1\r\n${own}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n${headers}\r\n${body}`;
  const get = (target: string, headers = own): string => `GET ${target} HTTP/1.1\r\n${headers}\r\n`;
  const length = `Content-Length: ${call.length}\r\n`;
  return [
    { what: "a call", parts: [post(length, call)], status: 200 },
    { what: "a body byte by byte", parts: [post(length, ""), ...call.split("")], status: 200 },
    { what: "a head byte by byte", parts: get("/health").split(""), status: 200 },
    {
      what: "a chunked body",
      parts: [post("Transfer-Encoding: chunked\r\n", chunked)],
      status: 200,
    },
    {
      what: "a body that is cut",
      parts: [post("Content-Length: 100\r\n", call)],
      cut: true,
      status: 400,
    },
    {
      what: "a message that is cut",
      parts: [post("Content-Length: 100\r\n", call, "/mcp")],
      cut: true,
      status: 400,
    },
    {
      what: "a webhook that is cut",
      parts: [post("Content-Length: 100\r\n", call, "/webhooks/routes")],
      cut: true,
      status: 400,
    },
    {
      what: "chunks that are cut",
      parts: [post("Transfer-Encoding: chunked\r\n", "16\r\n{")],
      cut: true,
      status: 400,
    },
    {
      what: "a chunk without a size",
      parts: [post("Transfer-Encoding: chunked\r\n", `zz\r\n${call}`)],
      status: 400,
    },
    {
      what: "a message's chunk without a size",
      parts: [post("Transfer-Encoding: chunked\r\n", `zz\r\n${call}`, "/mcp")],
      status: 400,
    },
    {
      what: "a chunk of 2^64",
      parts: [post("Transfer-Encoding: chunked\r\n", `10000000000000000\r\n${call}`)],
      status: 400,
    },
    {
      what: "a length that is too short",
      parts: [post("Content-Length: 5\r\n", call)],
      status: 400,
    },
    { what: "a negative length", parts: [post("Content-Length: -1\r\n", call)], status: 400 },
    {
      what: "a length that is a word",
      parts: [post("Content-Length: many\r\n", call)],
      status: 400,
    },
    {
      what: "a length beyond integers",
      parts: [post("Content-Length: 99999999999999999999\r\n", call)],
      status: 400,
    },
    {
      what: "a length of 9 GB",
      parts: [post("Content-Length: 9999999999\r\n", call)],
      status: 413,
    },
    { what: "two lengths", parts: [post(`${length}Content-Length: 5\r\n`, call)], status: 400 },
    { what: "no length", parts: [post("", call)], status: 400 },
    {
      what: "an encoding that is unknown",
      parts: [post("Transfer-Encoding: gzip\r\n", call)],
      status: 400,
    },
    {
      what: "an expectation",
      parts: [post(`${length}Expect: 100-continue\r\n`, call)],
      status: 200,
    },
    { what: "TLS", parts: ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"], status: 400 },
    { what: "HTTP/0.9", parts: ["GET /health\r\n\r\n"], status: 400 },
    { what: "HTTP/2", parts: ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], cut: true, status: null },
    { what: "HTTP/3.7", parts: [`GET /health HTTP/3.7\r\n${own}\r\n`], status: 400 },
    { what: "no host", parts: [get("/tools", "")], status: 400 },
    { what: "an empty host", parts: [get("/tools", "Host:\r\n")], status: 400 },
    { what: "two hosts", parts: [get("/tools", `${own}Host: evil.example\r\n`)], status: 400 },
    {
      what: "a foreign host",
      parts: [get("/tools", own.replace(host, "evil.example"))],
      status: 403,
    },
    {
      what: "a host that ends like ours",
      parts: [get("/tools", own.replace(host, "evil.127.0.0.1"))],
      status: 400,
    },
    {
      what: "a foreign host, and our address in a header",
      parts: [
        get(
          "/tools",
          `${own.replace(host, "evil.example")}MF-Original-URL: http://${host}/tools\r\n`,
        ),
      ],
      status: 403,
    },
    {
      what: "a foreign page",
      parts: [get("/tools", `${own}Origin: http://evil.example\r\n`)],
      status: 403,
    },
    {
      what: "an address of the runtime's tools",
      parts: [get("/cdn-cgi/local/platform-proxy", `${own}MF-Op: GET\r\n`)],
      status: 404,
    },
    {
      what: "a runtime's header that is no JSON",
      parts: [get("/health", `${own}MF-CF-Blob: {\r\n`)],
      status: 200,
    },
    { what: "a space in the path", parts: [get("/a b")], status: 400 },
    {
      what: "a path that is not ASCII",
      parts: [Buffer.from(get("/\xff\xfe"), "latin1")],
      status: 400,
    },
    { what: "a path of 60,000 characters", parts: [get(`/${"a".repeat(60_000)}`)], status: 404 },
    { what: "no path but a star", parts: [`OPTIONS * HTTP/1.1\r\n${own}\r\n`], status: 400 },
    {
      what: "a header without a colon",
      parts: [get("/health", `${own}nothing here\r\n`)],
      status: 400,
    },
    { what: "a header with a NUL", parts: [get("/health", `${own}X-A: a\0b\r\n`)], status: 400 },
    {
      what: "a header over two lines",
      parts: [get("/health", `${own}X-A: a\r\n b\r\n`)],
      status: 400,
    },
    {
      what: "a header that is not UTF-8",
      parts: [Buffer.from(get("/health", `${own}X-Request-ID: \xff\xfe\r\n`), "latin1")],
      status: 200,
    },
    {
      what: "a header of 100,000 characters",
      parts: [get("/health", `${own}X-A: ${"x".repeat(100_000)}\r\n`)],
      status: 200,
    },
    {
      what: "2,000 headers",
      parts: [
        get("/health", own + Array.from({ length: 2_000 }, (_, n) => `X-${n}: y\r\n`).join("")),
      ],
      status: 200,
    },
    { what: "half a head", parts: [`GET /health HTTP/1.1\r\n${own}X-A`], cut: true, status: null },
    { what: "a tracing method", parts: [`TRACE /health HTTP/1.1\r\n${own}\r\n`], status: 405 },
    {
      what: "an upgrade to nothing",
      parts: [get("/mcp", `${own}Connection: Upgrade\r\nUpgrade: frob\r\n`)],
      status: 405,
    },
    {
      what: "a socket where there is none",
      parts: [get("/tools", `${own}Connection: Upgrade\r\nUpgrade: websocket\r\n`)],
      status: 200,
    },
    { what: "three requests at once", parts: [get("/health").repeat(3)], status: 200 },
  ];
}

/** Sends the parts, each in a packet of its own, and waits for the first answer's head, the end of the connection, or two seconds. */
export function sendRaw(
  address: { readonly hostname: string; readonly port: string },
  { parts, cut }: Pick<RawRequest, "parts" | "cut">,
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const began = performance.now();
    let text = "";
    const socket = connect(Number(address.port), address.hostname);
    const send = async (): Promise<void> => {
      for (const part of parts) await new Promise((sent) => socket.write(part, sent));
      if (cut === true) socket.end();
    };
    socket.setNoDelay(true);
    void send();
    const finish = (): void => {
      clearTimeout(patience);
      socket.destroy();
      const status = /^HTTP\/1\.1 (?!100)(\d{3})/m.exec(text)?.[1];
      resolve({
        status: status === undefined ? null : Number(status),
        text,
        ms: performance.now() - began,
      });
    };
    const patience = setTimeout(finish, 2_500);
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (isWhole(text)) finish();
    });
    socket.on("error", () => undefined);
    socket.on("close", finish);
  });
}

function isWhole(text: string): boolean {
  const answer = text.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, "");
  const head = answer.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /^content-length: (\d+)/im.exec(answer.slice(0, head))?.[1];
  return length === undefined || answer.length >= head + 4 + Number(length);
}
