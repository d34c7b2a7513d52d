/** The web-standard globals that both runtimes have and that shared may use; no DOM, Workers or Node types here. */
declare const crypto: {
  getRandomValues<Bytes extends Uint8Array>(bytes: Bytes): Bytes;
  readonly subtle: { digest(algorithm: "SHA-256", data: Uint8Array): Promise<ArrayBuffer> };
};
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(input?: Uint8Array | ArrayBuffer, options?: { stream?: boolean }): string;
}
declare function atob(text: string): string;
declare function btoa(text: string): string;
