/** The guide's tables of families, memory and speed. */
import { memoryTable, publishedPeaks, staticMemory, staticUncertaintyPct } from "./memory-table.ts";
import { type PlanFamily, planFamilies } from "./plan-families.ts";
import { megapixels, type TrainingLoad } from "./plan-load.ts";
import { gpuFactors, referenceGpu, speedTable, staticSpeed } from "./speed-table.ts";

/** Cells are our own text; a bar in one would break the row. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

const all: readonly PlanFamily[] = Object.values(planFamilies);
const onGpu = all.filter(({ name }) => memoryTable[name] !== null);
const sides = [512, 768, 1024];
const guideRank = 16;

export function familyTables(): string[] {
  return [
    "## Families",
    table(
      ["family", "arch", "resolution", "multiple of", "learning rate", "few pictures", "8 bits"],
      all.map((family) => [
        family.label,
        family.archs.join(", "),
        `${family.minResolution} to ${family.nativeResolution}`,
        String(family.bucketStep),
        String(family.learningRate),
        String(family.learningRateFewImages),
        family.quantize ? "yes" : "no",
      ]),
    ),
    all.map(({ label, note }) => `- **${label}**: ${note}`).join("\n"),
    "## GPU memory",
    `GB while training a LoRA of rank ${guideRank} on pictures, with gradient checkpointing and an 8-bit optimiser, weights as the family's default above. \`low_vram\` on; where it makes a difference the second figure is without it. A card has about 4 % less than its name says.`,
    table(
      [
        "family",
        ...sides.flatMap((side) => [`${side}, batch 1`, `${side}, batch 2`]),
        "basis",
        "source",
      ],
      onGpu.map((family) => [
        family.label,
        ...sides.flatMap((side) => [memoryCell(family, side, 1), memoryCell(family, side, 2)]),
        memoryTable[family.name]?.basis ?? "",
        memoryTable[family.name]?.source ?? "",
      ]),
    ),
    `Published rows are held to these figures (within ${staticUncertaintyPct.published} %):`,
    table(
      ["family", "settings", "said", "source"],
      publishedPeaks.map(({ load, says, gb, source, withoutTextEncoders }) => [
        planFamilies[load.family].label,
        settingsOf(load) + (withoutTextEncoders ? ", text encoders off the card" : ""),
        says === "about" ? `about ${gb} GB` : `for a ${gb} GB card`,
        source,
      ]),
    ),
    "## Speed",
    `Minutes for 1000 steps at batch 1 on an ${referenceGpu}, samples and saves not counted. All estimates; divide by the factor of your card.`,
    table(
      ["family", ...sides.map(String), "from"],
      onGpu.map((family) => [
        family.label,
        ...sides.map((side) => minutesCell(family, side)),
        speedTable[family.name]?.source ?? "",
      ]),
    ),
    table(
      ["card", "factor"],
      gpuFactors.map(([, name, factor]) => [name, String(factor)]),
    ),
  ];
}

function loadAt(family: PlanFamily, resolution: number, batchSize: number): TrainingLoad {
  return {
    family: family.name,
    resolution,
    batchSize,
    rank: guideRank,
    quantize: family.quantize,
    lowVram: true,
    frames: 1,
  };
}

function memoryCell(family: PlanFamily, side: number, batchSize: number): string {
  if (side > family.nativeResolution) return "";
  const load = loadAt(family, side, batchSize);
  const gb = (mib: number | undefined): string => ((mib ?? 0) / 1_024).toFixed(1);
  const low = gb(staticMemory(load)?.mib);
  const full = gb(staticMemory({ ...load, lowVram: false })?.mib);
  return low === full ? low : `${low} (${full})`;
}

function minutesCell(family: PlanFamily, side: number): string {
  if (side > family.nativeResolution) return "";
  const speed = staticSpeed(loadAt(family, side, 1), referenceGpu);
  if (speed === null) return "";
  const minutes = 1_000 / speed.stepsPerSecond / 60;
  return minutes < 10 ? minutes.toFixed(1) : String(Math.round(minutes));
}

function settingsOf(load: TrainingLoad): string {
  const frames = load.frames > 1 ? `, ${load.frames} frames` : "";
  return `${load.resolution}, batch ${load.batchSize}, rank ${load.rank}${frames}, ${load.quantize ? "8" : "16"} bits (${megapixels(load).toFixed(2)} megapixels)`;
}
