import { runInDurableObject } from "cloudflare:test";
import { limits } from "@trainyard/shared/limits.ts";
import { describe, expect, it } from "vitest";
import { createConfigShelf } from "../../../control-plane/hub/config-shelf.ts";
import type { ConfigShelf } from "../../../control-plane/hub/config-shelf.ts";
import { createStore } from "../../../control-plane/storage.ts";
import { createYard } from "../support/yard.ts";

/** The shelf over a Hub's own tables, with a clock in hand. */
async function withShelf<Value>(work: (shelf: ConfigShelf) => Value): Promise<Value> {
  const yard = await createYard();
  const stub = yard.env.HUB.getByName(yard.owner);
  return runInDurableObject(stub, (_hub, ctx) => work(createConfigShelf(createStore(ctx.storage))));
}

const config = (name: string, steps = 1) => ({
  name,
  document: { steps },
  facts: {},
  updatedAtMs: 1,
});

describe("the trash of configs", () => {
  it("keeps a week, to the millisecond", async () => {
    const kept = await withShelf((shelf) => {
      const after = (ms: number) => {
        shelf.put(config("a"), false);
        shelf.delete("a", false, 1_000);
        const back = shelf.restore("a", 1_000 + ms);
        shelf.delete("a", true, 1_000 + ms);
        return back?.name ?? null;
      };
      return [after(limits.trashKeepMs - 1), after(limits.trashKeepMs)];
    });

    expect(kept).toEqual(["a", null]);
  });

  it("gives back the newest of a name first, then the one before", async () => {
    const steps = await withShelf((shelf) => {
      for (const [at, one] of [config("a", 1), config("A", 2)].entries()) {
        shelf.put(one, false);
        shelf.delete("a", false, 1_000 + at);
      }
      return [1, 2, 3].map(() => {
        const back = shelf.restore("a", 2_000);
        if (back !== null) shelf.delete("a", true, 2_000);
        return back?.document["steps"] ?? null;
      });
    });

    // A purge takes the whole name.
    expect(steps).toEqual([2, null, null]);
  });

  it("is bounded: the oldest go first", async () => {
    const [first, last] = await withShelf((shelf) => {
      for (let at = 0; at <= limits.configTrashEntries; at += 1) {
        shelf.put(config(`c${at}`), false);
        shelf.delete(`c${at}`, false, 1_000 + at);
      }
      shelf.put(config("one-more"), false);
      shelf.delete("one-more", false, 5_000);
      return [shelf.restore("c0", 5_000), shelf.restore(`c${limits.configTrashEntries}`, 5_000)];
    });

    expect([first, last?.name]).toEqual([null, `c${limits.configTrashEntries}`]);
  });
});
