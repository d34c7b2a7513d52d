import { ADAPTER_SCALE, LAYERS, type Adapter } from "./adapter.ts";
import { BASE_SEED, HIDDEN_LAYERS, HIDDEN_UNITS } from "./conditioning.ts";
import { multiplyByTransposed, transpose } from "./matrix.ts";
import { randomFrom } from "./random.ts";

// In the language since ES2025; the libraries this project compiles against end one year earlier.
declare global {
  interface Math {
    f16round(value: number): number;
  }
}

const LEAK = 0.1;

/** Three colours and an empty fourth, because the matrix product works in fours. */
export const OUTPUT_STRIDE = 4;
const COLOURS = 3;
const OUTPUT_LAYER = HIDDEN_LAYERS;

/** The fixed base with an adapter merged in, and room for one batch of rows. A row is one pixel. */
export interface Network {
  readonly maxRows: number;
  /** Position features, FEATURES per row: fill before `forward`. */
  readonly features: Float32Array;
  /** The gates of each row's caption: fill before `forward`. */
  readonly rowGates: Float32Array[];
  /** Colours in -1..1, OUTPUT_STRIDE per row, as half-precision numbers: valid after `forward`. */
  readonly colours: Float32Array;
  /** Must follow every change of the adapter. */
  readonly merge: (adapter: Adapter) => void;
  readonly forward: (rows: number) => void;
  /**
   * Mean squared error against `targets` (OUTPUT_STRIDE per row). Keeps what `backward` needs.
   * The colours were rounded to half precision, as fp16 training does: without it a learning rate that is far too
   * high only diverges, with it the colours overflow and the loss becomes a true NaN.
   */
  readonly loss: (targets: Float32Array) => number;
  /** Fills `gradients` for all rows of the last `forward` and `loss`. */
  readonly backward: (adapter: Adapter, gradients: Adapter) => void;
}

/** `maxRows` must be even. Rows are independent: the batch size never changes a pixel's colour. */
export function createNetwork(maxRows: number): Network {
  const base = baseWeights();
  const merged = base.map((weights) => weights.slice());
  const mergedTransposed = base.map((weights) => new Float32Array(weights.length));
  // Inputs of each layer: the features, then each hidden layer's output.
  const inputs = LAYERS.map((layer) => new Float32Array(maxRows * layer.inputs));
  const slopes = Array.from(
    { length: HIDDEN_LAYERS },
    () => new Float32Array(maxRows * HIDDEN_UNITS),
  );
  const colours = new Float32Array(maxRows * OUTPUT_STRIDE);
  const errors = LAYERS.map((_, index) => new Float32Array(maxRows * strideOf(index)));
  const scratchA = new Float32Array(maxRows * HIDDEN_UNITS);
  const scratchB = new Float32Array(maxRows * HIDDEN_UNITS);
  const fullGradient = new Float32Array(HIDDEN_UNITS * HIDDEN_UNITS);
  const rowGates: Float32Array[] = [];

  const forward = (rows: number): void => {
    const evenRows = rows + (rows % 2);
    LAYERS.forEach((layer, index) => {
      const out = inputs[index + 1] ?? colours;
      multiplyByTransposed(out, inputs[index]!, merged[index]!, {
        m: evenRows,
        n: strideOf(index),
        k: layer.inputs,
      });
      if (index < HIDDEN_LAYERS) activate(out, slopes[index]!, rowGates, { index, rows });
    });
    for (let at = 0; at < rows * OUTPUT_STRIDE; at++) colours[at] = Math.f16round(colours[at]!);
  };

  const loss = (targets: Float32Array): number => {
    const error = errors[OUTPUT_LAYER]!;
    const count = maxRows * COLOURS;
    let sum = 0;
    for (let at = 0; at < maxRows * OUTPUT_STRIDE; at++) {
      const difference = colours[at]! - targets[at]!;
      sum += difference * difference;
      error[at] = (2 * difference) / count;
    }
    return sum / count;
  };

  const backward = (adapter: Adapter, gradients: Adapter): void => {
    for (let index = OUTPUT_LAYER; index >= 0; index--) {
      const { inputs: width } = LAYERS[index]!;
      const stride = strideOf(index);
      const error = errors[index]!;
      transpose(scratchA, error, maxRows, stride);
      transpose(scratchB, inputs[index]!, maxRows, width);
      multiplyByTransposed(fullGradient, scratchA, scratchB, { m: stride, n: width, k: maxRows });
      intoLowRank({ index, adapter, gradients, fullGradient });
      if (index === 0) break;

      transpose(mergedTransposed[index]!, merged[index]!, stride, width);
      const below = errors[index - 1]!;
      multiplyByTransposed(below, error, mergedTransposed[index]!, {
        m: maxRows,
        n: width,
        k: stride,
      });
      const slope = slopes[index - 1]!;
      for (let at = 0; at < below.length; at++) below[at]! *= slope[at]!;
    }
  };

  return {
    maxRows,
    features: inputs[0]!,
    rowGates,
    colours,
    merge: (adapter) => mergeInto(merged, base, adapter),
    forward,
    loss,
    backward,
  };
}

/** Gate and leaky ReLU in place; what each unit was multiplied by is its slope on the way back. */
function activate(
  values: Float32Array,
  slopes: Float32Array,
  rowGates: readonly Float32Array[],
  layer: { readonly index: number; readonly rows: number },
): void {
  const firstGate = layer.index * HIDDEN_UNITS;
  for (let row = 0; row < layer.rows; row++) {
    const gates = rowGates[row]!;
    const start = row * HIDDEN_UNITS;
    for (let unit = 0; unit < HIDDEN_UNITS; unit++) {
      const value = values[start + unit]!;
      const slope = gates[firstGate + unit]! * (value > 0 ? 1 : LEAK);
      slopes[start + unit] = slope;
      values[start + unit] = value * slope;
    }
  }
}

function mergeInto(
  merged: readonly Float32Array[],
  base: readonly Float32Array[],
  adapter: Adapter,
): void {
  const { rank } = adapter;
  LAYERS.forEach(({ inputs, outputs }, index) => {
    const { a, b } = adapter.layers[index]!;
    const out = merged[index]!;
    out.set(base[index]!);
    for (let output = 0; output < outputs; output++) {
      const row = output * inputs;
      for (let r = 0; r < rank; r++) {
        const factor = ADAPTER_SCALE * b[output * rank + r]!;
        const from = r * inputs;
        for (let input = 0; input < inputs; input++) out[row + input]! += factor * a[from + input]!;
      }
    }
  });
}

/** dA = scale · Bᵀ·dW and dB = scale · dW·Aᵀ: two small products after one of full width, at any rank. */
function intoLowRank(work: {
  readonly index: number;
  readonly adapter: Adapter;
  readonly gradients: Adapter;
  readonly fullGradient: Float32Array;
}): void {
  const { index, adapter, gradients, fullGradient } = work;
  const { inputs, outputs } = LAYERS[index]!;
  const { rank } = adapter;
  const { a, b } = adapter.layers[index]!;
  const { a: aGradient, b: bGradient } = gradients.layers[index]!;
  aGradient.fill(0);
  for (let output = 0; output < outputs; output++) {
    const row = output * inputs;
    for (let r = 0; r < rank; r++) {
      const from = r * inputs;
      const factor = ADAPTER_SCALE * b[output * rank + r]!;
      let sum = 0;
      for (let input = 0; input < inputs; input++) {
        const slope = fullGradient[row + input]!;
        sum += slope * a[from + input]!;
        aGradient[from + input]! += factor * slope;
      }
      bGradient[output * rank + r] = ADAPTER_SCALE * sum;
    }
  }
}

function baseWeights(): Float32Array[] {
  const random = randomFrom("base", BASE_SEED);
  return LAYERS.map(({ inputs, outputs }, index) => {
    const weights = new Float32Array(strideOf(index) * inputs);
    const spread = Math.sqrt((index === 0 ? 1 : 2) / inputs);
    for (let at = 0; at < outputs * inputs; at++) weights[at] = spread * random.normal();
    return weights;
  });
}

function strideOf(layer: number): number {
  return layer === OUTPUT_LAYER ? OUTPUT_STRIDE : HIDDEN_UNITS;
}
