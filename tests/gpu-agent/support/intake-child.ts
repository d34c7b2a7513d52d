import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { systemTime } from "../../../gpu-agent/time.ts";
import { createIntake } from "../../../gpu-agent/uploads/intake/intake.ts";
import type { Intake, IntakeOptions } from "../../../gpu-agent/uploads/intake/intake.ts";

const intakeEntry = fileURLToPath(
  new URL("../../../gpu-agent/uploads/intake/child.ts", import.meta.url),
);

/** The real child, from source; it starts with the first file that needs it. The caller closes it. */
export function openIntake(options: Partial<IntakeOptions> = {}): Intake {
  return createIntake({
    entry: intakeEntry,
    time: systemTime,
    log: () => undefined,
    ...options,
  });
}

export function startIntake(options: Partial<IntakeOptions> = {}): Intake {
  const intake = openIntake(options);
  onTestFinished(() => intake.close());
  return intake;
}
