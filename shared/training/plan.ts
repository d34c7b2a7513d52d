/**
 * A training plan (`plan_v2`): the peers' fields (peers 2.11) with what was wrong there mended, and memory and speed taken from
 * this box's own runs where it has any. Pure: the same request gives the same plan.
 */
import type { PlanGpu } from "./box-experience.ts";
import { isFluxName } from "./families.ts";
import { memoryNeed, type MemoryEstimate } from "./learn-memory.ts";
import { speedOf, type SpeedEstimate } from "./learn-speed.ts";
import { type PlanFamily, planFamilies, planFamilyOf, resolutionLadder } from "./plan-families.ts";
import { cheapestFit, fitOf, usableMib, verdictOf } from "./plan-fit.ts";
import type { TrainingLoad } from "./plan-load.ts";
import { profileOf } from "./plan-profile.ts";
import type { ProfileContext } from "./plan-profile.ts";
import { goalProfile, rankFor } from "./plan-recipe.ts";
import type {
  FitAnswer,
  MemoryAnswer,
  Plan,
  PlanProfile,
  PlanRequest,
  SpeedAnswer,
  WouldFit,
} from "./plan-request.ts";
import { confidenceOf, rationaleOf, warningsOf } from "./plan-words.ts";

/** What a box without a known card is planned for; said as an assumption, and the verdict stays unknown. */
const assumedVramGb = 16;
/** From here a batch of 2 is planned where it fits with room. */
const largeCardMib = 30_000;

export function recommendPlan(request: PlanRequest): Plan {
  const flux = /\b(?:flux|flex)\b/i.test(request.goal);
  const given = request.modelName !== null || request.arch !== null;
  const fallback = flux ? planFamilies.flex1 : planFamilies.sd15;
  const family = given ? planFamilyOf(request.modelName, request.arch) : fallback;
  const modelName = request.modelName ?? (family ?? fallback).defaultModel;
  // A model that tells no family is planned as create-training-config would write it, and said so.
  const plannedAs = family ?? planFamilies.sd15;
  const goal = goalProfile(request.goal);
  const gpu = cardOf(request);
  const vramGb =
    request.targetVramGb ??
    (request.gpu.memoryMib === null ? assumedVramGb : round(request.gpu.memoryMib / 1_024, 1));

  const images = request.images;
  const rank = plannedAs.name === "tiny" ? 32 : rankFor(goal, images);
  // Chosen for the assumed card, judged against the real one: its verdict stays unknown.
  const card = gpu.memoryMib === null ? { ...gpu, memoryMib: assumedVramGb * 1_024 } : gpu;
  const wantedLoad = wantedOf(plannedAs, rank, gpu);
  const known = family !== null;
  const context: ProfileContext = { request, family: plannedAs, known, modelName, gpu, card };
  const chosen = known
    ? (cheapestFit(wantedLoad, card, request.experience, true) ??
      smallest(wantedLoad, card, request))
    : { load: cautious(wantedLoad) };

  const profiles = (["fast", "balanced", "quality"] as const).map((name) =>
    profileOf(name, chosen.load, context),
  );
  const recommended = profiles.find(({ profile }) => profile === "balanced") as PlanProfile;
  const load = loadOf(recommended, plannedAs);
  const memory = known
    ? memoryAnswer(memoryNeed(load, gpu, request.experience), gpu)
    : unknownMemory(gpu);
  const speed = known ? speedAnswer(speedOf(load, gpu, request.experience)) : unknownSpeed;
  const plan: Omit<Plan, "warnings" | "rationale" | "confidence" | "confidenceParts"> = {
    version: "plan_v2",
    goalProfile: goal,
    family,
    isFluxModel: isFluxName(modelName),
    modelSource: given ? "given" : "heuristic_default",
    recommended,
    alternatives: profiles,
    memory,
    speed,
    wanted: fitAnswer(wantedLoad, gpu, request, known, card, true),
    current:
      request.current === null ? null : fitAnswer(request.current, gpu, request, true, gpu, false),
    wouldFit: memory.verdict === "does_not_fit" ? familiesThatFit(gpu, request) : [],
    vramGb,
    vramSource:
      request.targetVramGb !== null
        ? "argument"
        : request.gpu.memoryMib !== null
          ? "box"
          : "assumed",
  };
  return {
    ...plan,
    ...confidenceOf(plan, request),
    warnings: warningsOf(plan, request),
    rationale: rationaleOf(plan, request),
  };
}

/** A size other than that of the box's card is another card: what was measured here says nothing of its speed. */
function cardOf({ targetVramGb, gpu }: PlanRequest): PlanGpu {
  if (targetVramGb === null) return gpu;
  const memoryMib = Math.round(targetVramGb * 1_024);
  const same = gpu.memoryMib !== null && Math.abs(memoryMib / gpu.memoryMib - 1) < 0.1;
  return same ? { ...gpu, memoryMib } : { name: null, memoryMib, hypothetical: true };
}

function wantedOf(family: PlanFamily, rank: number, gpu: PlanGpu): TrainingLoad {
  const [native = family.nativeResolution] = resolutionLadder(family);
  return {
    family: family.name,
    resolution: family.name === "sd15" ? 512 : native,
    batchSize:
      family.kind === "image" && family.name !== "tiny" && (gpu.memoryMib ?? 0) >= largeCardMib
        ? 2
        : 1,
    rank,
    quantize: family.quantize,
    lowVram: gpu.memoryMib === null && family.name !== "tiny",
    frames: 1,
  };
}

/** Nothing is known of the model: what most cards take. */
function cautious(load: TrainingLoad): TrainingLoad {
  return { ...load, resolution: 512, batchSize: 1, lowVram: true };
}

/** Nothing fits: the least that the family takes, for the reader to see by how much. */
function smallest(wanted: TrainingLoad, gpu: PlanGpu, { experience }: PlanRequest) {
  const family = planFamilies[wanted.family];
  return fitOf(
    {
      ...wanted,
      lowVram: true,
      batchSize: 1,
      quantize: wanted.quantize || family.canQuantize,
      resolution: family.minResolution,
    },
    gpu,
    experience,
  );
}

function loadOf(profile: PlanProfile, family: PlanFamily): TrainingLoad {
  const { resolution, batchSize, rank, quantize, lowVram } = profile;
  return { family: family.name, resolution, batchSize, rank, quantize, lowVram, frames: 1 };
}

/** What else this card trains, largest model first. */
function familiesThatFit(gpu: PlanGpu, { experience }: PlanRequest): WouldFit[] {
  return Object.values(planFamilies)
    .filter(({ name, kind }) => name !== "tiny" && kind === "image")
    .flatMap((family) => {
      const fit = cheapestFit(wantedOf(family, 16, gpu), gpu, experience);
      if (fit === null) return [];
      const { resolution, lowVram, quantize } = fit.load;
      const mib = fit.need.mib ?? 0;
      return [{ modelName: family.defaultModel, resolution, lowVram, quantize, mib }];
    })
    .toSorted((a, b) => b.mib - a.mib);
}

/** The changes are sought for `card`, which is the assumed one where none is known. */
function fitAnswer(
  load: TrainingLoad,
  gpu: PlanGpu,
  { experience }: PlanRequest,
  known: boolean,
  card: PlanGpu,
  comfortable: boolean,
): FitAnswer {
  if (!known) return { load, memory: unknownMemory(gpu), changes: [], thenMib: null };
  const fit = cheapestFit(load, card, experience, comfortable);
  return {
    load,
    memory: memoryAnswer(memoryNeed(load, gpu, experience), gpu),
    changes: fit?.changes ?? null,
    thenMib: fit?.need.mib ?? null,
  };
}

function memoryAnswer(need: MemoryEstimate, gpu: PlanGpu): MemoryAnswer {
  const { source, jobIds, basis, mib, uncertaintyPct, provenBy, refutedBy } = need;
  const proof = provenBy ?? refutedBy;
  return {
    // A proof is the box's own word, also where the figure beside it is the table's.
    source: proof === null ? source : "own_jobs",
    jobIds: [...new Set([...(proof === null ? [] : [proof]), ...jobIds])],
    basis,
    neededMib: mib,
    uncertaintyPct,
    availableMib: gpu.memoryMib === null ? null : usableMib(gpu.memoryMib),
    verdict: verdictOf(need, gpu),
    provenBy,
    refutedBy,
  };
}

function unknownMemory(gpu: PlanGpu): MemoryAnswer {
  return {
    source: "unknown",
    jobIds: [],
    basis: null,
    neededMib: null,
    uncertaintyPct: null,
    availableMib: gpu.memoryMib === null ? null : usableMib(gpu.memoryMib),
    verdict: "unknown",
    provenBy: null,
    refutedBy: null,
  };
}

function speedAnswer(speed: SpeedEstimate): SpeedAnswer {
  const { source, jobIds, stepsPerSecond, uncertaintyPct, overheadRatio } = speed;
  return { source, jobIds, stepsPerSecond, uncertaintyPct, overheadRatio };
}

const unknownSpeed: SpeedAnswer = {
  source: "unknown",
  jobIds: [],
  stepsPerSecond: null,
  uncertaintyPct: null,
  overheadRatio: 1,
};

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
