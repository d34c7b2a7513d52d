import { AppError, wireToError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { z } from "zod";
import { createChildProgram } from "../../child-program.ts";
import type { Log } from "../../log.ts";
import type { Time } from "../../time.ts";
import { archiveUnpacked, intakeReply, pictureTaken } from "./messages.ts";
import type { ArchiveUnpacked, IntakeQuestion, PictureTaken } from "./messages.ts";

/** Looks at uploaded files in a process of its own. Throws what the file is refused for. */
export interface Intake {
  picture(
    question: Omit<Extract<IntakeQuestion, { want: "picture" }>, "want">,
  ): Promise<PictureTaken>;
  unpack(
    question: Omit<Extract<IntakeQuestion, { want: "unpack" }>, "want">,
  ): Promise<ArchiveUnpacked>;
  close(): void;
}

export interface IntakeOptions {
  /** Script that is started as a process of its own. */
  readonly entry: string;
  readonly time: Time;
  readonly log: Log;
  readonly idleMs?: number;
  readonly pictureMs?: number;
}

/** Several photos come one after the other; in between the process waits for the next. */
const idleMs = 20_000;

export function createIntake(options: IntakeOptions): Intake {
  const { log, pictureMs = limits.intakePictureMs } = options;
  const child = createChildProgram({ idleMs, ...options });
  let lastId = 0;
  let last: Promise<unknown> = Promise.resolve();

  const exchange = async <Answer>(
    question: IntakeQuestion,
    schema: z.ZodType<Answer>,
    timeoutMs: number,
  ): Promise<Answer> => {
    const outcome = await child.ask({ id: (lastId += 1), ...question }, timeoutMs);
    if (outcome.kind !== "answer") {
      child.kill();
      log("warn", "an uploaded file ended its decoder", {
        want: question.want,
        reason: outcome.reason,
      });
      // One that never got so far says nothing about the file.
      if (/^exit code (?!71)/.test(outcome.reason)) {
        throw new Error(`the intake child ended: ${outcome.reason}`);
      }
      throw endedOver(question.want);
    }
    const reply = intakeReply.parse(outcome.message);
    if (reply.problem !== undefined) {
      const { hint, ...problem } = reply.problem;
      throw wireToError({ ...problem, ...(hint === null ? {} : { hint }) });
    }
    return schema.parse(reply.answer);
  };
  /** One request at a time: the next begins when the one before has ended. */
  const ask = <Answer>(
    question: IntakeQuestion,
    schema: z.ZodType<Answer>,
    timeoutMs: number,
  ): Promise<Answer> => {
    const mine = last.then(() => exchange(question, schema, timeoutMs));
    last = mine.catch(() => undefined);
    return mine;
  };

  return {
    picture: (question) => ask({ want: "picture", ...question }, pictureTaken, pictureMs),
    unpack: (question) =>
      ask({ want: "unpack", ...question }, archiveUnpacked, limits.intakeArchiveMs),
    close: () => child.close(),
  };
}

function endedOver(want: IntakeQuestion["want"]): AppError {
  return want === "picture"
    ? new AppError(
        "IMAGE_CORRUPT",
        "Decoding this picture takes more time or memory than one may.",
        {
          hint: "Save it anew, smaller, then send it.",
        },
      )
    : new AppError("ARCHIVE_CORRUPT", "Unpacking this archive does not end. Nothing was taken.", {
        hint: "Pack the folder again, or send it in several archives.",
      });
}
