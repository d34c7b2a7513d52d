import { receiveUpload } from "../uploads/receive-upload.ts";
import type { OperationHandler } from "./operation-context.ts";

/** Parts of one upload come one after the other, also when the edge asks twice. */
const turns = new Map<string, Promise<unknown>>();

export const receivePart: OperationHandler<"receive-part"> = (args, context) => {
  const before = turns.get(args.transferId) ?? Promise.resolve();
  const mine = before.catch(() => undefined).then(() => receiveUpload(args, context));
  const settled = mine.catch(() => undefined);
  turns.set(args.transferId, settled);
  void settled.then(() => {
    if (turns.get(args.transferId) === settled) turns.delete(args.transferId);
  });
  return mine;
};
