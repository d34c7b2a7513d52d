export interface SaveRequests {
  /** Who answers from now on; a request that nobody has answered yet is answered at once. Null: there is nothing to save any more. */
  answerWith(answer: (() => void) | null): void;
}

/** Requests come as SIGUSR2. Several that wait are one. */
export function listenForSaveRequests(): SaveRequests {
  let answer: (() => void) | null = null;
  let waiting = false;
  const look = (): void => {
    if (!waiting || answer === null) return;
    waiting = false;
    answer();
  };
  process.on("SIGUSR2", () => {
    waiting = true;
    look();
  });
  return {
    answerWith(next) {
      answer = next;
      look();
    },
  };
}
