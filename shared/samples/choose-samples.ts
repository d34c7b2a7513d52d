/** A picture that a trainer drew of one prompt at one step. */
export interface SamplePicture {
  readonly step: number;
  /** Of the prompt, counted from 0. */
  readonly index: number;
  readonly path: string;
  readonly bytes: number;
  readonly atMs: number;
}

export interface SampleWish {
  /** These steps, each taken as the nearest that has pictures; absent: spread over the run, first and newest among them. */
  readonly steps?: readonly number[] | undefined;
  /** How many steps, where none are named. */
  readonly count: number;
  /** These prompts; absent: the first ones. */
  readonly prompts?: readonly number[] | undefined;
  readonly maxPrompts: number;
}

export interface ChosenSamples {
  /** Ascending. */
  readonly steps: readonly number[];
  readonly prompts: readonly number[];
  /** One for each step and prompt that has a picture, by step, then prompt. */
  readonly pictures: readonly SamplePicture[];
  readonly allSteps: readonly number[];
  readonly allPrompts: readonly number[];
}

/**
 * What a reader should look at: how a few prompts changed over the run. Of several pictures of one step and prompt (a resumed
 * attempt draws again) the newest counts.
 */
export function chooseSamples(all: readonly SamplePicture[], wish: SampleWish): ChosenSamples {
  const newest = new Map<string, SamplePicture>();
  for (const picture of all) newest.set(`${picture.step}/${picture.index}`, picture);
  const pictures = [...newest.values()].sort((a, b) => a.step - b.step || a.index - b.index);
  const allSteps = [...new Set(pictures.map(({ step }) => step))];
  const allPrompts = [...new Set(pictures.map(({ index }) => index))].sort((a, b) => a - b);
  const steps =
    wish.steps === undefined || wish.steps.length === 0
      ? spread(allSteps, wish.count)
      : ascending(wish.steps.flatMap((step) => nearest(allSteps, step)));
  const prompts = (wish.prompts ?? allPrompts)
    .filter((index) => allPrompts.includes(index))
    .slice(0, wish.maxPrompts);
  return {
    steps,
    prompts,
    pictures: pictures.filter(({ step, index }) => steps.includes(step) && prompts.includes(index)),
    allSteps,
    allPrompts,
  };
}

/** First, last, and evenly between them. */
function spread(steps: readonly number[], count: number): readonly number[] {
  if (steps.length <= count) return steps;
  if (count === 1) return steps.slice(-1);
  return ascending(
    Array.from(
      { length: count },
      (_, n) => steps[Math.round((n * (steps.length - 1)) / (count - 1))] as number,
    ),
  );
}

function nearest(steps: readonly number[], wanted: number): readonly number[] {
  let best: number | null = null;
  for (const step of steps) {
    if (best === null || Math.abs(step - wanted) < Math.abs(best - wanted)) best = step;
  }
  return best === null ? [] : [best];
}

function ascending(steps: readonly number[]): readonly number[] {
  return [...new Set(steps)].sort((a, b) => a - b);
}
