import { AppError } from "@trainyard/shared/errors.ts";
import { errorFields } from "../log.ts";
import type { TrainerRequest } from "../trainers/trainer.ts";
import type { LiveAttempt } from "./live-attempt.ts";

/** What the attempt's trainer can be asked for, and the asking. */
export interface AttemptRequests {
  understands(what: TrainerRequest): boolean;
  /** False when nobody listens; also where the question could not be put. Throws AppError where asking again may help. */
  ask(what: TrainerRequest): Promise<boolean>;
  /** Behind the job's last step nobody looks for requests any more. */
  hasStepsLeft(): boolean;
  /** Before the attempt's first step nothing is there that is not on disk already. */
  hasTrained(): boolean;
}

export function createAttemptRequests({
  key,
  spec,
  trainer,
  files,
  memory,
  environment,
  followed,
}: LiveAttempt): AttemptRequests {
  const { training } = spec;
  return {
    understands: (what) =>
      (training.elsewhere?.requests.includes(what) ?? false) ||
      (trainer.control?.understands(what, training) ?? false),
    async ask(what) {
      try {
        if (followed !== null) return await followed.ask(what);
        return trainer.control?.ask(what, { training, files }) ?? false;
      } catch (error) {
        if (error instanceof AppError) throw error;
        environment.log("warn", "the trainer could not be asked", {
          ...key,
          what,
          ...errorFields(error),
        });
        return false;
      }
    },
    hasStepsLeft: () =>
      memory.currentStep === null ||
      memory.totalSteps === null ||
      memory.currentStep < memory.totalSteps,
    hasTrained: () => memory.currentStep !== null && memory.currentStep > (memory.startStep ?? 0),
  };
}
