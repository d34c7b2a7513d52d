/** What the object cost since it was created or woke up; summed by the benchmark, never billed by us. */
export interface Usage {
  readonly rowsWritten: number;
  /** Requests and RPC calls received. */
  readonly requests: number;
  /** WebSocket messages received; the platform bills twenty as one request. */
  readonly messages: number;
}
