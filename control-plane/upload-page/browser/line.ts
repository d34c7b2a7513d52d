/** What the link said no with. */
export class Refusal extends Error {
  readonly code: string;
  readonly hint: string | null;
  constructor(code: string, message: string, hint: string | null) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** No answer came, or none of Trainyard's: the phone slept, the line broke, something between us is down. */
export class LineBroken extends Error {}

export interface Wish {
  readonly method: "GET" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Blob;
  /** Bytes of the body that went out so far. */
  readonly onSent?: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** Nothing moved for so long: the connection is dead and nobody said so. */
const stalledMs = 30_000;
/** The box may look at a whole file for 20 s before it answers. */
const answerMs = 60_000;

/** One request. Throws Refusal, LineBroken, or the signal's reason. XMLHttpRequest: fetch tells nothing of what was sent. */
export function ask(wish: Wish): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer = 0;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      wish.signal.removeEventListener("abort", leave);
      settle();
    };
    const broken = (): void => {
      end(() => reject(new LineBroken("The connection broke.")));
    };
    const watch = (ms: number): void => {
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        request.abort();
        broken();
      }, ms);
    };
    const leave = (): void => {
      request.abort();
      end(() => reject(wish.signal.reason as Error));
    };
    if (wish.signal.aborted) return leave();
    wish.signal.addEventListener("abort", leave);
    request.open(wish.method, wish.url);
    for (const [name, value] of Object.entries(wish.headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      wish.onSent?.(loaded);
      watch(loaded < total ? stalledMs : answerMs);
    });
    request.addEventListener("error", broken);
    request.addEventListener("load", () => {
      end(() => {
        const said = parse(request.responseText);
        if (said === null) return reject(new LineBroken("The answer is not Trainyard's."));
        if (request.status < 400) return resolve(said);
        reject(refusalOf(said));
      });
    });
    watch(wish.body === undefined ? answerMs : stalledMs);
    request.send(wish.body ?? null);
  });
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === "object" && said !== null ? (said as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function refusalOf(said: Readonly<Record<string, unknown>>): Error {
  const error = said["error"];
  if (typeof error !== "object" || error === null) {
    return new LineBroken("The answer is not Trainyard's.");
  }
  const { code, message, hint } = error as Record<string, unknown>;
  return new Refusal(String(code), String(message), typeof hint === "string" ? hint : null);
}
