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
  /** Lists and objects inside each other in what a call takes and gives: a config of 32 levels, some of a report around it. */
  frameLevels: 64,
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
  /** A look at a training's GPU memory: PyTorch keeps what it took, so a peak stays to be seen; a look costs some ms. */
  gpuSampleMs: 15_000,

  // ---- calls --------------------------------------------------------------------------------
  /** How long the Hub waits for an agent's answer to a short call. */
  callTimeoutMs: 20_000,
  /** The same for a tool of the box, which may read many files; a call at MCP ends before, at `mcpWaitMs`. */
  agentToolTimeoutMs: 110_000,
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
  /** `MCP_HTTP_RATE_LIMIT_*` where only the switch is set: the earlier bridge's (peers 4.1). */
  rateLimitRequests: 120,
  rateLimitWindowMs: 60_000,
  /** Addresses one isolate counts, some 2 MB; the one that was silent longest is forgotten first. */
  rateLimitClients: 10_000,
  /** Entries of a forwarding header that are looked at, from its end: no chain of trusted proxies is longer. */
  forwardedEntries: 16,
  /** A person is asked meanwhile; afterwards the call begins anew. */
  questionSeconds: 600,
  /** How often a client is told to look after a task: a box commits every 25 s while nobody watches. */
  taskPollMs: 15_000,
  /** The whole list of tools, characters / 4: some clients warn at 25,000 over all their servers (ux 3.3). */
  listTokens: 12_000,
  /** At /mcp/core, for clients that keep every definition in the context. */
  listTokensCore: 5_000,
  conciseCharacters: 1_600,
  fullCharacters: 24_000,
  nameCharacters: 64,
  jsonDepth: 32,

  // ---- prompts, resources, completions ---------------------------------------------------------
  /** What catch_me_up looks back at most: a month. */
  catchUpHours: 720,
  /** Entries of one page of resources/list, some 15 KB. */
  resourcesPage: 50,
  /** Job reports that are listed, the newest; a client follows every page. Older ones are read by their address. */
  reportsListed: 200,
  /** Most values of one completion that the protocol allows. */
  completionValues: 100,
  /** Typing asks at each key: a box is asked for its datasets once in this time, and then for so long. */
  completionKeepMs: 30_000,
  completionWaitMs: 2_000,
  /** Boxes whose dataset names one isolate remembers. */
  completionBoxes: 50,
  /** How long a client may keep what only a release changes, what changes with use, and an ended job's report. */
  staticTtlMs: 300_000,
  listTtlMs: 10_000,
  endedReportTtlMs: 60_000,

  // ---- shell ---------------------------------------------------------------------------------
  /** A request at `trainyard mcp` waits this long for a control plane that is away: a restart takes two seconds. */
  bridgeReconnectMs: 10_000,
  bridgeRetryMs: 200,
  /** Requests of one stdio client in flight; more than any client sends at once. */
  bridgeRequests: 100,
  /** After its client closed standard input the bridge still gives the answers that are due: one full wait and a margin. */
  bridgeDrainMs: 60_000,
  /** One step of `trainyard check`: the Hub itself waits 20 s for a box. */
  checkStepMs: 25_000,

  // ---- files ---------------------------------------------------------------------------------
  /** One part of a transfer: costs 7 % against 32 MiB and loses less at a cut (spikes 1). */
  partBytes: 8 * mib,
  /** A Cloudflare body is at most 100 MB on the common plans; refused by our own check below that. */
  putBytes: 95_000_000,
  fileBytes: 50 * 1024 * mib,
  filenameBytes: 200,
  linkSecondsDefault: 900,
  linkSecondsMax: 86_400,
  /** Parts of one file on their way at once: the second waits in its sender's sockets, in no memory of ours. */
  heldParts: 2,
  /**
   * A transfer in which nothing moves for so long is ended; an agent that is started again is back in seconds. It bounds the
   * slowest line too: 64 KiB in this time, 1 KiB/s.
   */
  transferIdleMs: 60_000,
  /** Of one zip (reliability 4.8); a training set has some thousands of files. */
  archiveEntries: 20_000,
  /** Times larger unpacked; pictures hardly pack at all. */
  archiveRatio: 100,
  /** Below this size packing well is no attack: a caption of one letter, a mask of one colour. */
  archiveRatioFromBytes: 8 * mib,
  /** Files of an archive that are named one by one in the answer of its upload. */
  archiveNamed: 100,
  /** One picture in the process that takes uploads in: a photo of 48 megapixels takes three seconds, on a busy box ten. */
  intakePictureMs: 60_000,
  /** Unpacking one archive, of which 50 GiB are allowed, at 30 MB/s. */
  intakeArchiveMs: 1_800_000,
  /** A command that sends or fetches files tries again for so long without progress: a router or a box that is started again. */
  transferRetryMs: 300_000,
  transferRetryCapMs: 10_000,
  /** Small files that a command sends side by side; the line is full with a few. */
  uploadsAtOnce: 3,
  /** Ranges of one request; a reader of a file's index asks for a handful, an attacker for thousands. */
  rangesPerRequest: 16,
  /** How long the last part of an upload waits for what becomes of the file; then the caller asks for its state. */
  uploadEndWaitMs: 20_000,
  /** Running hashes of uploads; of one that is not among them the file is read again at its end. */
  uploadHashes: 64,
  /** File names that an upload link's page shows of a dataset. */
  datasetFilesShown: 500,
  datasetFilesCounted: 20_000,
  /** An upload's unfinished parts are swept from staging after this. */
  stagingKeepMs: 24 * 3_600_000,

  // ---- models on the box ---------------------------------------------------------------------
  /** Entries of all model roots that one walk looks at, some 10 MB of names; ComfyUI folders have thousands. */
  modelTreeEntries: 100_000,
  modelTreeDepth: 16,
  /** A JSON file beside a model; whole documents are of another kind. */
  metadataFileBytes: 64 * kib,
  /** A walk over a slow network disk ends here with what it has: the call itself is given up at 45 s at MCP. */
  modelTreeMs: 20_000,
  // ---- trash -----------------------------------------------------------------------------
  /** Long enough to notice on the next weekend that something is missing. */
  trashKeepMs: 7 * 24 * 3_600_000,
  trashSweepMs: 24 * 3_600_000,

  /** Room that stays free on a disk whatever is copied or uploaded to it: a checkpoint of a running job has to fit. */
  diskReserveBytes: 512 * mib,
  // ---- looking at datasets (reliability 4.8) ---------------------------------------------------
  /** Entries of one dataset that are walked; training sets have some thousands. */
  datasetEntries: 200_000,
  datasetDepth: 8,
  /** Longer is no caption; the toolkit would cut it at some hundred words. */
  captionBytes: 64 * kib,
  captionCharacters: 20_000,
  /** A picture of 64 megapixels is below it in any format. */
  imageFileBytes: 256 * mib,
  /** Decoded at most: a kilobyte can claim 900 megapixels. */
  imagePixels: 64_000_000,
  imageSide: 16_384,
  /** EXIF, profiles and text of one picture, unpacked. */
  imageMetadataBytes: mib,
  /** Decoding one picture; 64 megapixels take about two. */
  imageSeconds: 20,
  /** Pictures decoded at once; one where a job trains beside. */
  imagesAtOnce: 4,
  /** Resident memory of the process that decodes, above which it ends itself and begins again behind that picture. */
  decoderBytes: 1_536 * mib,
  /** Rows of the index of pictures, some 250 bytes each. */
  pictureIndexRows: 400_000,
  /** Changes of one dataset that can be taken back; what holds pictures is kept beyond. */
  datasetChangesKept: 50,
  /** How long a call waits for a scan; it goes on, and the next call finds it done. */
  datasetScanWaitMs: 25_000,
  /** The same for a call that only wants to know a little more: validation, a plan, a report. */
  datasetGlanceMs: 6_000,

  // ---- jobs ----------------------------------------------------------------------------------
  queueLength: 200,
  /** Jobs that one box found by itself: a broken one must not fill the index. */
  announcedJobs: 2_000,
  jobsListed: 200,
  /** Ended jobs that a plan learns from, two questions to each: the newest tell most, and a request may ask 50 times. */
  planJobs: 20,
  configBytes: 256 * kib,
  configs: 1_000,
  /** Config files of one box that are listed; some 250 bytes of an answer each. */
  boxConfigs: 500,
  /** A list does not wait longer for a box: what it said before is shown with its age. */
  boxConfigsWaitMs: 2_000,
  /** Deleted configs that are kept (`trashKeepMs`); the oldest go first beyond it. */
  configTrashEntries: 200,
  /** Aliases of one YAML text: hand-written ones share a section or two; nested, a few dozen unfold to gigabytes. */
  yamlAliases: 20,
  /** One cached answer of an agent's read tool, shown while the box is off. */
  snapshotBytes: 192 * kib,
  snapshots: 200,
  /** Points of one sealed segment of a series. */
  segmentPoints: 2_048,
  /** Our own bound on one row; the platform's 2 MB is not enforced locally (edge 1.5). */
  rowBytes: 1_900_000,
  /** The job object keeps the log's end for when the box is off. */
  logTailBytes: 8 * kib,
  metricsPageRows: 50_000,

  // ---- judging -------------------------------------------------------------------------------
  /** Newest alerts of one attempt that judging sees; a few KB in the head row. */
  factAlerts: 20,
  /** Newest attempts that one report adds up: a report reads so many rows, whatever was resumed before. */
  factAttempts: 16,
  /** Segments read for one chart, about 130,000 points; of a longer series evenly chosen ones. */
  chartSegments: 64,
  /** A box's figures as old as this are asked anew for a report; one row a minute at most. */
  hardwareMaxAgeMs: 60_000,
  /** One file of a report that travels to the box; three fit into a frame. */
  reportCharacters: 300_000,
  /** Folders below `outputs/reports`; a path of a report has to fit into a short answer. */
  reportFolders: 2,
  /** Reports of one name, to the millisecond, in one folder. */
  reportCopies: 20,
  /** A report does not wait longer for them. */
  hardwareWaitMs: 1_000,

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
  /** Of each stream, read once when a run is over to name its cause: ten thousand redraws, and any traceback. */
  diagnosisLogBytes: mib,
  logLinesDefault: 20,
  logLinesMax: 20_000,
  /** A displayed line longer than this helps nobody, and the whole is in the file. */
  logLineCharacters: 2_000,
  /** The end of a log that a plain look reads: 30,000 steps of a bar, 0.2 s. More only while lines are missing. */
  logEndBytes: 8 * mib,
  /** Most that one look reads of each file, about a second of one core; its answer's cursor goes on from there. */
  logScanBytes: 32 * mib,
  /** A look ends here too, whatever the disk does: well before the edge gives it up. */
  logScanMs: 8_000,
  /** One line of `analyze-log --jsonl`, which has to be in memory whole; kept logs are far smaller. */
  logCaseBytes: 64 * mib,
  /** States of a pattern for grep: with counted repeats a short text could ask for millions. */
  patternStates: 1_000,
  /** Lines of context that can be asked for on each side. */
  logContextLines: 100,

  // ---- alerts --------------------------------------------------------------------------------
  alertRoutes: 50,
  /** Explicit alerts of one alert-routing call. */
  alertsPerCall: 200,
  /** Standard Webhooks asks for bodies below 20 kB; the envelope and a job's context need the rest. */
  alertBodyBytes: 16_000,
  /** Fingerprints remembered per route; above the widest rate limit in use, and one small row. */
  alertFingerprints: 500,
  destinationCharacters: 2_048,
  /** One attempt, as the Standard Webhooks specification advises (15 to 30 s). */
  webhookTimeoutMs: 15_000,
  /** The local way out ends a receiver that says nothing for this long; the attempt's own time is shorter as a rule. */
  outboundIdleMs: 300_000,
  /** A longer wait that a receiver asks for is not waited: the schedule's own longest is a day. */
  retryAfterMaxMs: 24 * 3_600_000,
  /** Longest delay of a call's own retry knobs (peers 2.15). */
  explicitBackoffMaxMs: 120_000,
  /** After an outage: one request a second per endpoint. */
  pacedRequestMs: 1_000,
  /** Attempts in flight; the platform gives an object six connections. */
  deliveriesAtOnce: 5,
  /** One alarm ends well inside its 15 minutes and goes on with the next. */
  deliveriesPerAlarm: 200,
  /** Beyond this what comes new goes to the dead letters, from where it can be sent again. */
  outboxPending: 2_000,
  /** Ended deliveries kept for the list and for replay. */
  outboxKept: 1_000,
  outboxKeepMs: 30 * 24 * 3_600_000,
  /** Attempts of one delivery that its history shows. */
  deliveryHistory: 12,
  deliveriesListed: 200,
  /** How often the Hub looks for boxes that fell silent, only while a route exists: 6 rows an hour. */
  alertCheckMs: 600_000,
  /** A waiting job that nothing keeps from starting, or whose box is away, for this long is stuck. */
  queueStuckMs: 600_000,
  /** One file of alerts on the box. */
  alertFileBytes: 64 * mib,
  /** Alerts that edge and callers added to one job's timeline. */
  timelineAlerts: 500,

  // ---- guardrails on the box ------------------------------------------------------------------
  /** Free space changes by checkpoints, not by moments. */
  guardDiskLookMs: 10_000,
  /** How much of a stall's clock a crashing agent may forget. */
  guardClockSaveMs: 15_000,
  /** Reason of a stop, on the wire and in the answer. */
  stopReasonCharacters: 500,

  // ---- judging ---------------------------------------------------------------------------------
  /** Only the proportion of the weights counts; a thousand to one leaves nothing of the other, and no sum overflows. */
  rubricWeight: 1_000,
  /** Blocks of a loss aggregate: four for each group that a trend is fitted to, and some 5 KB of JSON. */
  lossBlocks: 128,
  /** Blocks of a speed aggregate, some 2 KB; the bar's rate is smooth already. */
  speedBlocks: 64,
  /** Places of a chart in a report: about one a pixel of its width. */
  chartPoints: 600,
  /** Marks of NaN steps in a chart; more are one red line. */
  chartMarks: 200,

  // ---- pictures for a reader ------------------------------------------------------------------
  /** A contact sheet in a message (design 4). */
  sheetBytes: 120 * 1024,
  /** Longest side: what a model's eye takes without shrinking it. */
  sheetSidePixels: 1_536,
  sheetMs: 45_000,
  sheetSteps: 8,
  sheetPrompts: 12,
  /** One sample picture; a larger one is shown as an empty cell. */
  samplePictureBytes: 64 * 1024 * 1024,
  /** A small file may claim to be of any size: a bomb is refused before it is decoded. */
  picturePixels: 100_000_000,

  // ---- trainers -------------------------------------------------------------------------------
  /** Importing AI Toolkit's packages once: seconds from a warm disk, a minute and more from a cold one. */
  importCheckMs: 180_000,
  /** What failed is tried again after this: drivers and network drives come back without any file changing. */
  importCheckAgainMs: 300_000,
  /** A connection to the job table may cost this much; AI Toolkit opens about five a step. */
  jobTableConnectionMs: 5,

  // ---- AI Toolkit's Web UI ----------------------------------------------------------------------
  /** One answer, connect to last byte: its loss route waits 30 s for a locked database, and is asked again. */
  uiAnswerMs: 15_000,
  /** The same for a look at how the server is: every hello to the edge waits for it. */
  uiLookMs: 3_000,
  /** The log route gives 5 MiB at once, in JSON with every control character spelt out; the list of jobs holds all configs. */
  uiAnswerBytes: 16 * mib,
  /** A question costs its server a few reads of SQLite; whoever watches wants to see steps. */
  uiPollMs: 5_000,
  uiPollWatchedMs: 1_500,
  /** Looks for jobs that were started there: its own list of active ones is that old anyway. */
  uiListMs: 6_000,
  /** The whole list, for what began and ended in between. */
  uiListAllMs: 60_000,
  uiBackoffBaseMs: 1_000,
  uiBackoffCapMs: 60_000,
  /** A job that the server would not take for so long has failed; once it was asked to start it, nothing is given up. */
  uiStartMs: 600_000,
  /** A row is written some moments after its process began or ended: what it says of one that is gone holds after this. */
  uiSettleMs: 10_000,
  /** After the process the server writes a line behind its log that says how it exited, unless that was with 0. */
  uiExitLineMs: 2_000,
  /** Without a process that was ever seen, only a log that stood still for so long says that nothing runs. */
  uiQuietMs: 600_000,
  /** Ended jobs that are taken up when they were never seen, the newest; older ones stay with the UI. */
  uiBackfillJobs: 20,
  /** Of them at once: each fetches its whole log and series. */
  uiBackfillAtOnce: 2,
  /** Points of one key in one answer: the loss route's own bound. */
  uiLossPoints: 20_000,
  /** Bytes of the log that are fetched twice: another file under the same offset shows in them. */
  uiLogOverlapBytes: 64,
  /** Header of a model that is judged from afar: a LoRA's is some 100 KB, a whole model's a few MB. */
  uiHeaderBytes: 12 * mib,
  /** A name, a state or a message of the server; longer ones are cut. */
  uiTextCharacters: 1_000,

  // ---- language models -------------------------------------------------------------------------
  /** Steps of one stage: a hundred days at one a second, and a list of row numbers that still fits into memory. */
  llmIterations: 10_000_000,
  /** Folders between the projects root and a project; deeper paths do not fit into a short answer. */
  projectFolders: 6,
  /** Importing torch and transformers once: seconds from a warm disk, a minute and more from a cold one. */
  llmLookMs: 180_000,
  /** A start waits so long for it and then goes on: what cannot run is said by the scripts too. */
  llmLookWaitMs: 8_000,
  /** An evaluation or export that ended so recently is the answer to the same call: a caller that was told to call again does. */
  llmResultAgainMs: 900_000,
  /** Reading a dataset before a run is made of it; below the time that a call to the box has. */
  llmDatasetCheckMs: 30_000,
  /** A record of a run, of an evaluation or an export, as it is read back. */
  runRecordBytes: 512 * kib,

  // ---- stop ladder (reliability 2.7) ---------------------------------------------------------
  stopCheckpointMs: 600_000,
  /** A trainer that was asked stops behind its step; one that loads or trains slower than this is interrupted there. */
  stopAskMs: 10_000,
  stopInterruptMs: 120_000,
  stopTerminateMs: 15_000,
  stopKillMs: 10_000,
} as const;
