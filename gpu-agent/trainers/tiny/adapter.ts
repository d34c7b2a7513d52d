import { randomFrom } from "./random.ts";
import type { Tensor } from "./safetensors.ts";

/** Layers of the base network, as (inputs, outputs). */
export const LAYERS = [
  { inputs: 128, outputs: 128 },
  { inputs: 128, outputs: 128 },
  { inputs: 128, outputs: 128 },
  { inputs: 128, outputs: 3 },
] as const;

/** What B·A is multiplied by, whatever the rank: at 1e-4, the usual learning rate, 200 steps are enough. */
export const ADAPTER_SCALE = 64;

/** The trained part of one layer: W + scale · B·A, with A [rank × inputs] and B [outputs × rank]. */
interface LowRankPair {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** Everything that training changes. */
export interface Adapter {
  readonly rank: number;
  readonly layers: readonly LowRankPair[];
}

/** A new adapter: A random from `seed`, B zero, so that the first pictures are the base network's. */
export function createAdapter(rank: number, seed: number): Adapter {
  const random = randomFrom("adapter", seed);
  return {
    rank,
    layers: LAYERS.map(({ inputs, outputs }) => ({
      a: Float32Array.from(
        { length: rank * inputs },
        () => (random.next() * 2 - 1) / Math.sqrt(inputs),
      ),
      b: new Float32Array(outputs * rank),
    })),
  };
}

/** An adapter of the same shape that changes nothing; also the form in which gradients are kept. */
export function zeroAdapter(rank: number): Adapter {
  return {
    rank,
    layers: LAYERS.map(({ inputs, outputs }) => ({
      a: new Float32Array(rank * inputs),
      b: new Float32Array(outputs * rank),
    })),
  };
}

/** The adapter's arrays in a fixed order, for the optimizer. */
export function adapterArrays(adapter: Adapter): readonly Float32Array[] {
  return adapter.layers.flatMap(({ a, b }) => [a, b]);
}

/** Tensor names follow peft: `lora_A`, `lora_B`, and `alpha` with alpha / rank = the scale. */
export function adapterTensors(adapter: Adapter): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  adapter.layers.forEach(({ a, b }, index) => {
    const layer = LAYERS[index]!;
    tensors.set(`tiny.layers.${index}.alpha`, {
      shape: [],
      data: Float32Array.of(adapter.rank * ADAPTER_SCALE),
    });
    tensors.set(`tiny.layers.${index}.lora_A.weight`, {
      shape: [adapter.rank, layer.inputs],
      data: a,
    });
    tensors.set(`tiny.layers.${index}.lora_B.weight`, {
      shape: [layer.outputs, adapter.rank],
      data: b,
    });
  });
  return tensors;
}

/** Throws when the tensors are not those of this network. */
export function adapterFromTensors(tensors: ReadonlyMap<string, Tensor>): Adapter {
  const rank = tensors.get("tiny.layers.0.lora_A.weight")?.shape[0];
  if (rank === undefined) throw new Error("it holds no adapter of the tiny trainer");
  const array = (name: string, length: number): Float32Array => {
    const data = tensors.get(name)?.data;
    if (data?.length !== length) throw new Error(`${name} is missing or has another shape`);
    return data;
  };
  return {
    rank,
    layers: LAYERS.map(({ inputs, outputs }, index) => ({
      a: array(`tiny.layers.${index}.lora_A.weight`, rank * inputs),
      b: array(`tiny.layers.${index}.lora_B.weight`, outputs * rank),
    })),
  };
}
