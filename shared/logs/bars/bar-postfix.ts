/** What a bar shows after its speed: the object is the same at every call, and holds until the next. */
export interface Postfix {
  lr: number | null;
  /** NaN and the infinities are kept as such. */
  loss: number | null;
}

const shown: Postfix = { lr: null, loss: null };

/**
 * AI Toolkit's `lr: 1.0e-04 loss: 1.234e-02` is read directly; everyone else's `avr_loss=0.129, lr=1e-4` by name.
 * `from` and `to` are the bounds in `text`.
 */
export function readPostfix(text: string, from: number, to: number): Readonly<Postfix> {
  // The learning rate stays the same over many redraws, and with it all that stands before the loss.
  if (text.startsWith(beforeLoss, from)) {
    shown.loss = readNumberAt(text, from + beforeLoss.length, to);
    if (shown.loss !== null) {
      shown.lr = lrBefore;
      return shown;
    }
  }
  const postfix = text.slice(from, to);
  const ownForm = ownPattern.exec(postfix);
  if (ownForm) {
    beforeLoss = ownForm[0];
    lrBefore = readNumber(ownForm[1]);
  }
  shown.lr = readNumber(lrPattern.exec(postfix)?.[1]);
  shown.loss = readNumber(lossPattern.exec(postfix)?.[1]);
  return shown;
}

/** AI Toolkit's own form up to its loss, as it stood there last, and the rate in it. */
let beforeLoss = "lr: 1.0e-04 loss: ";
let lrBefore: number | null = 1e-4;
const ownPattern = /^lr: (\S{1,32}) loss: /;

/** A number as Python or a library prints it, NaN and the infinities included; null for anything else. */
export function readNumber(text: string | undefined): number | null {
  return text === undefined ? null : readNumberAt(text, 0, text.length);
}

/** The common forms are read by hand and in place: at two redraws a step this is what a log's reading costs. */
function readNumberAt(text: string, from: number, to: number): number | null {
  let digits = 0;
  let exponent = 0;
  let at = from;
  let afterPoint = false;
  const most = Math.min(to, from + 16);
  for (; at < most; at++) {
    const code = text.charCodeAt(at);
    const digit = code - zero;
    if (digit >= 0 && digit <= 9) {
      digits = digits * 10 + digit;
      if (afterPoint) exponent--;
    } else if (code === point && !afterPoint && at > from) {
      afterPoint = true;
    } else {
      break;
    }
  }
  if (at > from && to - at === 4 && text.charCodeAt(at) === smallE) {
    const sign = text.charCodeAt(at + 1);
    const tens = text.charCodeAt(at + 2) - zero;
    const ones = text.charCodeAt(at + 3) - zero;
    if ((sign === minus || sign === plus) && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9) {
      exponent += sign === minus ? -(tens * 10 + ones) : tens * 10 + ones;
      at = to;
    }
  }
  // A whole number below 2^53 and a power of ten up to 10^22 are exact, so their quotient is the nearest double.
  if (at === to && at > from && exponent <= 0 && exponent >= -22) {
    return digits / (powersOfTen[-exponent] ?? 1);
  }
  return readRareNumber(text.slice(from, to));
}

function readRareNumber(text: string): number | null {
  if (numberPattern.test(text)) return Number(text);
  return /^[-+]?nan$/i.test(text) ? Number.NaN : infinite(text);
}

function infinite(text: string): number | null {
  if (/^\+?inf(?:inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  return /^-inf(?:inity)?$/i.test(text) ? Number.NEGATIVE_INFINITY : null;
}

const powersOfTen: readonly number[] = Array.from({ length: 23 }, (_, power) =>
  Number(`1e${power}`),
);
const zero = 48;
const point = 46;
const plus = 43;
const minus = 45;
const smallE = 101;
const numberPattern = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;
const lrPattern = /(?:^|[ ,])(?:lr|learning_rate|lr\/unet)(?:: ?|=)(\S{1,32}?)(?=$|[ ,])/i;
/** The running loss before the step's own: sd-scripts and musubi-tuner show `avr_loss`, some both. */
const lossPattern =
  /(?:^|[ ,])(?:avr_loss|loss|train[_/]loss(?:_step)?|loss_(?:train|step)|step_loss|total_loss)(?:: ?|=)(?:tensor\()?(\S{1,32}?)(?=$|[ ,)])/i;
