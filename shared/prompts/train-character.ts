import { definePrompt } from "./define-prompt.ts";
import { trainArguments, trainClose, trainNeeds, trainSteps } from "./train-lora.ts";

export const trainCharacter = definePrompt({
  name: "train_character",
  title: "Train a character",
  description: "Trains a LoRA of one person or character, from pictures to the finished file.",
  arguments: trainArguments,
  needs: trainNeeds,
  wish: "Train a LoRA of one person or character on my own GPU box.",
  steps: (given) =>
    trainSteps(
      {
        goal: "character",
        pictures: "15 to 30 sharp pictures are usual, with many angles, clothes and lights.",
        testPrompts:
          "one close to a caption, one in a new place, one in another style, each with the trigger word, and one without it.",
      },
      given,
    ),
  close: trainClose,
});
