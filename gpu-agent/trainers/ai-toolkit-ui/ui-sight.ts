import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Time } from "../../time.ts";
import { writtenEnd } from "./ui-end.ts";
import type { UiFacts } from "./ui-end.ts";
import type { UiProcessWatch } from "./ui-process.ts";
import type { UiJob } from "./ui-rows.ts";

/** What was seen of one UI job, and for how long it has been so. */
export interface UiSight {
  /** Null: the server says that there is no such job; believed when it says so twice. */
  take(row: UiJob | null): void;
  row(): UiJob | null;
  /** It was over when it was looked at for the first time. */
  wasOver(): boolean;
  logGrew(): void;
  facts(of: {
    readonly began: boolean;
    readonly configPath: string | null;
    readonly copy: string;
    readonly stopMarker: boolean;
    readonly rebooted: boolean;
  }): UiFacts | null;
  /** How long the process has been gone; null while it is not known to be. */
  goneMs(): number | null;
}

const active = new Set(["queued", "running", "stopping"]);

export function createUiSight(time: Time, process: UiProcessWatch): UiSight {
  let row: UiJob | null = null;
  let missed = 0;
  let wasOver: boolean | null = null;
  let status = "";
  let statusSince = time.monotonic();
  let step: number | null = null;
  let quietSince = time.monotonic();
  let goneSince: number | null = null;
  const sinceOf = (since: number): number => time.monotonic() - since;
  const look = (configPath: string | null) => {
    const seen = process.look(configPath, row?.pid ?? null);
    goneSince = seen === "gone" ? (goneSince ?? time.monotonic()) : null;
    return seen;
  };

  return {
    take(given) {
      if (given === null) {
        missed += 1;
        return;
      }
      missed = 0;
      row = given;
      wasOver ??= !active.has(given.status);
      if (given.status !== status) {
        status = given.status;
        statusSince = time.monotonic();
      }
      if (given.step !== step) {
        step = given.step;
        quietSince = time.monotonic();
      }
    },
    row: () => row,
    wasOver: () => wasOver === true,
    logGrew: () => void (quietSince = time.monotonic()),
    facts({ began, configPath, copy, stopMarker, rebooted }) {
      const seen = look(configPath);
      if (missed === 1 || (row === null && missed === 0)) return null;
      return {
        row: missed > 0 ? null : row,
        statusMs: sinceOf(statusSince),
        process: seen,
        goneMs: goneSince === null ? 0 : sinceOf(goneSince),
        began,
        quietMs: sinceOf(quietSince),
        written: began ? writtenEnd(lastText(copy)) : null,
        stopMarker,
        rebooted,
      };
    },
    goneMs: () => (goneSince === null ? null : sinceOf(goneSince)),
  };
}

const lastBytes = 512;

function lastText(path: string): string {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, lastBytes));
    return buffer
      .subarray(0, readSync(file, buffer, 0, buffer.length, size - buffer.length))
      .toString();
  } finally {
    closeSync(file);
  }
}
