/**
 * Every bound of Trainyard with its reason. A queue, retry, buffer or wait that is not bounded here is a bug.
 * Sizes are bytes, durations milliseconds unless the name says otherwise.
 */
const kib = 1024;
const mib = 1024 * kib;

export const limits = {
  // ---- frames of the agent link ------------------------------------------------------------
  /** A sender starts a new frame here; keeps parse time and head-of-line blocking short. */
  frameSoftBytes: 256 * kib,
  /** Refused above, by both sides: the platform's own 32 MiB bound shows itself only as a 10 s stall. */
  frameHardBytes: 1 * mib,
  /** Frames sent and not yet acknowledged; 4 gave the throughput of 16 at a quarter of the latency (spikes 2). */
  windowFrames: 4,
  /** Items in one frame; with 500 points an item this is far beyond the soft size. */
  frameItems: 512,
  /** Points in one metrics item: one group commit at the highest rates, and a bounded row in the spool. */
  metricsItemPoints: 500,
  /** Metric keys of one attempt; a log that invents names must not fill the object. */
  metricKeys: 64,
  metricKeyCharacters: 64,

  // ---- rhythm of the agent link ------------------------------------------------------------
  /** A socket that has not said hello by then is closed. */
  helloTimeoutMs: 10_000,
  pingIntervalMs: 20_000,
  /** Frames that nobody answered for this long on a living socket are sent again. */
  ackTimeoutMs: 30_000,
  /** Two missed pings and a margin: the agent ends the socket itself. */
  pongTimeoutMs: 45_000,
  /** Last seen older than this: the answers say `stale`, later `offline`. Neither touches a job's state. */
  staleAfterMs: 60_000,
  offlineAfterMs: 300_000,
  reconnectBaseMs: 1_000,
  reconnectCapMs: 60_000,
  /** After a close that means "deployed" or "restarted" everyone comes back: spread over this. */
  reconnectAfterDeployMs: 5_000,
  /** Back-off starts anew only after a session that lasted. */
  stableSessionMs: 60_000,
  /** Durable flush while nobody watches: 20 to 30 s keeps a job-hour under 400 rows (spikes 2). */
  durableFlushIdleMs: 25_000,
  durableFlushWatchedMs: 3_000,
  liveIntervalMs: 250,
  /** A status call keeps a job watched for this long. */
  watchedForMs: 60_000,
  /** The Hub's index row for mere progress; state changes are written at once. */
  indexProgressMs: 60_000,
  /** Poll of the log and the metrics database; the shorter one while watched, for a fresh status. */
  tailPollMs: 500,
  tailPollWatchedMs: 100,

  // ---- calls --------------------------------------------------------------------------------
  /** How long the Hub waits for an agent's answer to a short call. */
  callTimeoutMs: 20_000,
  /** Rows of the agent's call ledger; the oldest answered ones go first. */
  callLedgerRows: 50_000,
  /** Answer of one call; longer things are files. */
  callResultBytes: 512 * kib,
  /** Two identical starts within this time are the same start. */
  idempotencyWindowMs: 60_000,

  // ---- doors ---------------------------------------------------------------------------------
  /** A call that waits returns what it has after this long: chat clients cut at 60 s. */
  mcpWaitMs: 45_000,
  httpWaitMsDefault: 120_000,
  /** Body of one HTTP or MCP request, `MCP_HTTP_MAX_BODY_BYTES`. */
  httpBodyBytes: 8 * mib,
  /** Files inside a JSON body, decoded. Above: a link. */
  inlineFileBytes: 4 * mib,
  mcpBodyBytes: 8 * mib,
  conciseCharacters: 1_600,
  fullCharacters: 24_000,
  nameCharacters: 64,
  jsonDepth: 32,

  // ---- files ---------------------------------------------------------------------------------
  /** One part of a transfer: costs 7 % against 32 MiB and loses less at a cut (spikes 1). */
  partBytes: 8 * mib,
  /** A Cloudflare body is at most 100 MB on the common plans; refused by our own check below that. */
  putBytes: 95_000_000,
  fileBytes: 50 * 1024 * mib,
  filenameBytes: 200,
  linkSecondsDefault: 900,
  linkSecondsMax: 86_400,
  /** A transfer whose other side stays silent this long is ended. */
  transferIdleMs: 30_000,
  /** An upload's unfinished parts are swept from staging after this. */
  stagingKeepMs: 24 * 3_600_000,

  // ---- jobs ----------------------------------------------------------------------------------
  queueLength: 200,
  jobsListed: 200,
  configBytes: 256 * kib,
  configs: 1_000,
  /** One cached answer of an agent's read tool, shown while the box is off. */
  snapshotBytes: 64 * kib,
  snapshots: 200,
  /** Points of one sealed segment of a series. */
  segmentPoints: 2_048,
  /** Our own bound on one row; the platform's 2 MB is not enforced locally (edge 1.5). */
  rowBytes: 1_900_000,
  /** The job object keeps the log's end for when the box is off. */
  logTailBytes: 8 * kib,
  metricsPageRows: 50_000,

  // ---- spool on the box ----------------------------------------------------------------------
  spoolBytes: 512 * mib,
  /** Group commit: at most this much is parsed again after a crash. */
  spoolCommitMs: 250,
  spoolKeepAckedMs: 24 * 3_600_000,
  reserveFileBytes: 16 * mib,

  // ---- log reading ---------------------------------------------------------------------------
  /** A run without a separator is cut here, so memory does not follow the file. */
  fragmentBytes: 64 * kib,
  readChunkBytes: 64 * kib,
  logLinesDefault: 20,
  logLinesMax: 20_000,

  // ---- stop ladder (reliability 2.7) ---------------------------------------------------------
  stopCheckpointMs: 600_000,
  stopInterruptMs: 120_000,
  stopTerminateMs: 15_000,
  stopKillMs: 10_000,
} as const;
