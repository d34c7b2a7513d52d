import { app } from "./app.ts";

export { Hub } from "./hub/hub.ts";
export { Job } from "./job/job.ts";
export { Transfer } from "./transfer/transfer.ts";

export default { fetch: app.fetch };
