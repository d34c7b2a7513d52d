import { startTrainyard } from "../support/trainyard.ts";
import { printFigure } from "./figures.ts";

/** From exec to the ready line: workerd answers and the agent is connected. */
export async function benchReady(): Promise<void> {
  const cold: number[] = [];
  const again: number[] = [];
  for (let run = 0; run < 5; run += 1) {
    const startedAt = performance.now();
    const trainyard = await startTrainyard();
    cold.push((performance.now() - startedAt) / 1_000);
    await trainyard.endUp("SIGTERM");
    const againAt = performance.now();
    await trainyard.startUp();
    again.push((performance.now() - againAt) / 1_000);
    await trainyard.close();
  }
  printFigure({
    name: "start to ready, new home",
    unit: "s",
    values: cold,
    goal: { kind: "at most", value: 5 },
  });
  printFigure({
    name: "start to ready, same home again",
    unit: "s",
    values: again,
    goal: { kind: "at most", value: 5 },
  });
}
