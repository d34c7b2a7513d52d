/** Sentences that the plan's answers and docs/training-guide.md share, so that they cannot say two things. */

export type GoalProfile = "style" | "character" | "object" | "general";

export const goalAdvice: Readonly<Record<GoalProfile, string>> = {
  style:
    "A style needs capacity and variety: many subjects in one look, and captions that name the subject but not the look.",
  character:
    "A person or character needs many angles, distances, clothes and lights; caption what changes and leave out what is always so.",
  object:
    "An object needs several backgrounds and views from all sides, at the sizes in which it will be asked for.",
  general: "Nothing in the goal named a kind, so the values are the middle ones.",
};

export const advice = {
  images:
    "Quality comes before number: 15 to 30 good pictures of one subject are usually enough, a style wants 30 to 100. Remove blurred, doubled and watermarked ones.",
  captions:
    "Every picture needs a caption of its own that says what it shows. Put the trigger word in front, caption what should stay changeable, and leave out what the model shall tie to the trigger word.",
  steps:
    "Steps follow the number of pictures, slower than in proportion. More are not better: once samples look alike and stiff, an earlier checkpoint is the better model.",
  rank: "Rank is capacity. A small one generalises, a large one remembers the pictures; few pictures want a small one. Alpha equal to the rank keeps the learning rate's meaning.",
  learningRate:
    "Too high shows as noise, burnt colours or a jumping loss; too low as samples that do not change. When in doubt halve it and train longer.",
  batch:
    "A batch of 1 is the convention for LoRA training. A larger one smooths the steps, costs memory in proportion, and needs fewer steps.",
  resolution:
    "Train at the resolution the pictures really have and the model was made for. Smaller is a quick way to a first answer: time and activation memory follow the number of pixels.",
  prompts:
    "Use three to six test prompts with a fixed seed: one close to a caption, one in a new place, one with a new style, and one without the trigger word, which must stay untouched.",
  lowVram:
    "low_vram prepares the weights in the computer's memory instead of on the card: a slower start, the same result.",
  loss: "The loss of a diffusion model is mostly the noise of the random timestep. Judge by the samples; a falling trend over hundreds of steps is a sign, single values are not.",
  canary:
    "A run of 50 steps measures memory and speed on this box; the next plan then uses them instead of the table.",
} as const;
