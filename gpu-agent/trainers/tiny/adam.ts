import type { Tensor } from "./safetensors.ts";

const BETA1 = 0.9;
const BETA2 = 0.99;
const EPSILON = 1e-8;

/** Adam over a fixed list of arrays, updated in place. */
export interface Adam {
  readonly update: (gradients: readonly Float32Array[], learningRate: number) => void;
  /** Moments and number of updates, to continue from later. */
  readonly state: () => { readonly tensors: Map<string, Tensor>; readonly updates: number };
  /** Throws when the tensors are of another shape; then nothing was changed. */
  readonly restore: (tensors: ReadonlyMap<string, Tensor>, updates: number) => void;
}

export function createAdam(parameters: readonly Float32Array[]): Adam {
  const means = parameters.map((array) => new Float32Array(array.length));
  const squares = parameters.map((array) => new Float32Array(array.length));
  let updates = 0;

  return {
    update(gradients, learningRate) {
      updates++;
      const meanCorrection = 1 - BETA1 ** updates;
      const squareCorrection = 1 - BETA2 ** updates;
      parameters.forEach((values, index) => {
        const gradient = gradients[index]!;
        const mean = means[index]!;
        const square = squares[index]!;
        for (let at = 0; at < values.length; at++) {
          const slope = gradient[at]!;
          const m = BETA1 * mean[at]! + (1 - BETA1) * slope;
          const v = BETA2 * square[at]! + (1 - BETA2) * slope * slope;
          mean[at] = m;
          square[at] = v;
          values[at]! -=
            (learningRate * (m / meanCorrection)) / (Math.sqrt(v / squareCorrection) + EPSILON);
        }
      });
    },

    state() {
      const tensors = new Map<string, Tensor>();
      parameters.forEach((array, index) => {
        tensors.set(`${index}.exp_avg`, { shape: [array.length], data: means[index]! });
        tensors.set(`${index}.exp_avg_sq`, { shape: [array.length], data: squares[index]! });
      });
      return { tensors, updates };
    },

    restore(tensors, restoredUpdates) {
      const loaded = parameters.map((array, index) => {
        const mean = tensors.get(`${index}.exp_avg`)?.data;
        const square = tensors.get(`${index}.exp_avg_sq`)?.data;
        if (mean?.length !== array.length || square?.length !== array.length) {
          throw new Error("optimizer state is of another network");
        }
        return { mean, square };
      });
      loaded.forEach(({ mean, square }, index) => {
        means[index]!.set(mean);
        squares[index]!.set(square);
      });
      updates = restoredUpdates;
    },
  };
}
