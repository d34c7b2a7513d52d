/** Changes of one dataset come one after the other, whoever asks. */
const turns = new Map<string, Promise<unknown>>();

export function inTurn<Result>(dataset: string, work: () => Promise<Result>): Promise<Result> {
  const before = turns.get(dataset) ?? Promise.resolve();
  const mine = before.then(work);
  const settled = mine.catch(() => undefined);
  turns.set(dataset, settled);
  void settled.then(() => {
    if (turns.get(dataset) === settled) turns.delete(dataset);
  });
  return mine;
}

const stepsAtATime = 50;

/** Awaited in a long loop: the agent has other things to do in between. */
export async function yieldAt(step: number): Promise<void> {
  if (step % stepsAtATime === stepsAtATime - 1)
    await new Promise((resolve) => setImmediate(resolve));
}
