/** Loss series for judging the judge: noise and course are kept apart, and a seed gives the same series for ever. */
export interface Random {
  /** Uniform in [0, 1). */
  readonly uniform: () => number;
  /** Standard normal. */
  readonly normal: () => number;
}

/** Mulberry32: 32 bits of state, far more than some thousand draws need. */
export function seededRandom(seed: number): Random {
  let state = Math.imul(seed, 0x9e37_79b1) >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

export type Noise = (random: Random, points: number) => number[];
export type Course = (random: Random, points: number) => (step: number) => number;

/** All in natural logarithms of the loss. */
export const noises = {
  "white, sd 0.5": white(0.5),
  /** A trainer that prints a running mean of white noise of sd 0.5 prints this: the same information, smoothed. */
  "AR(1) 0.6, white sd 0.5 smoothed": autoregressive(0.6, 0.5 * Math.sqrt(0.4 / 1.6)),
  "AR(1) 0.9, white sd 0.5 smoothed": autoregressive(0.9, 0.5 * Math.sqrt(0.1 / 1.9)),
  "Student t3, sd 0.5": studentT3(0.5),
  "lognormal mixture, 90 % sd 0.4, 10 % sd 1.2": mixture(0.4, 1.2, 0.1),
  "AR(1) 0.6, own sd 0.5": autoregressive(0.6, 0.5),
  "AR(1) 0.9, own sd 0.5": autoregressive(0.9, 0.5),
} as const satisfies Readonly<Record<string, Noise>>;

export const courses = {
  flat: () => () => 0,
  /** From 3.3 times the level down to it with a time constant of 60 steps. */
  "flat after a warm-up": () => (step) => 1.2 * Math.exp(-step / 60),
  "flat after any warm-up": (random) => {
    const height = 0.3 + 1.2 * random.uniform();
    const steps = 20 + 130 * random.uniform();
    return (step) => height * Math.exp(-step / steps);
  },
  "20 % fall": (_, points) => (step) => (Math.log(0.8) * step) / points,
  "20 % fall after a warm-up": (_, points) => (step) =>
    1.2 * Math.exp(-step / 60) + (Math.log(0.8) * step) / points,
} as const satisfies Readonly<Record<string, Course>>;

/** Losses of one run; the level does not matter to any rule. */
export function simulatedLosses(
  noise: Noise,
  course: Course,
  seed: number,
  points: number,
  level = 0.12,
): number[] {
  const random = seededRandom(seed);
  const scatter = noise(random, points);
  const at = course(random, points);
  return scatter.map((value, step) => level * Math.exp(value + at(step)));
}

export function white(sd: number): Noise {
  return ({ normal }, points) => Array.from({ length: points }, () => sd * normal());
}

/** Stationary from the first point; `sd` is that of the series, not of what is added at each step. */
function autoregressive(phi: number, sd: number): Noise {
  return ({ normal }, points) => {
    let value = sd * normal();
    return Array.from({ length: points }, () => {
      const now = value;
      value = phi * value + sd * Math.sqrt(1 - phi * phi) * normal();
      return now;
    });
  };
}

function studentT3(sd: number): Noise {
  return ({ normal }, points) =>
    Array.from({ length: points }, () => {
      const chi = normal() ** 2 + normal() ** 2 + normal() ** 2;
      return ((sd / Math.sqrt(3)) * normal()) / Math.sqrt(chi / 3);
    });
}

function mixture(sd: number, wildSd: number, wildShare: number): Noise {
  return ({ normal, uniform }, points) =>
    Array.from({ length: points }, () => (uniform() < wildShare ? wildSd : sd) * normal());
}
