import { definePrompt } from "./define-prompt.ts";
import { trainArguments, trainClose, trainNeeds, trainSteps } from "./train-lora.ts";

export const trainStyle = definePrompt({
  name: "train_style",
  title: "Train a style",
  description: "Trains a LoRA of a visual style, from pictures to the finished file.",
  arguments: trainArguments,
  needs: trainNeeds,
  wish: "Train a LoRA of a visual style on my own GPU box.",
  steps: (given) =>
    trainSteps(
      {
        goal: "style",
        pictures:
          "30 to 100 pictures of one look with many subjects are usual; captions name the subject and not the look.",
        testPrompts:
          "three subjects that are in no picture, each with the trigger word, and one of them without it.",
      },
      given,
    ),
  close: trainClose,
});
