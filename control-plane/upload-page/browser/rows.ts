import { isMoving, isSettled, percent, sentence } from "./item.ts";
import type { Item } from "./item.ts";
import { drawThumbnail } from "./thumbnail.ts";

export interface RowActions {
  readonly retry: (item: Item) => void;
  readonly replace: (item: Item) => void;
  readonly keepBoth: (item: Item) => void;
  readonly remove: (item: Item) => void;
}

export interface Row {
  readonly element: HTMLLIElement;
  paint(): void;
}

/** One file in the list: what becomes of it, and what a person can do about it. */
export function createRow(item: Item, actions: RowActions): Row {
  const element = document.createElement("li");
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  void drawThumbnail(canvas, item.file);
  const name = make("div", "name");
  const state = make("div", "state");
  const bar = document.createElement("progress");
  bar.max = 100;
  const what = make("div", "what");
  what.append(name, state, bar);
  const buttons = make("div", "do");
  element.append(canvas, what, buttons);

  let shown = "";
  const button = (label: string, act: () => void): void => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.setAttribute("aria-label", `${label}: ${item.name}`);
    made.addEventListener("click", act);
    buttons.append(made);
  };
  const offer = (): void => {
    const { phase } = item;
    const wanted = `${phase.kind} ${String(phase.kind === "refused" && phase.isFinal)}`;
    if (shown === wanted) return;
    shown = wanted;
    buttons.replaceChildren();
    if (phase.kind === "asking") {
      button("Replace it", () => actions.replace(item));
      button("Keep both", () => actions.keepBoth(item));
    }
    if (phase.kind === "refused" && !phase.isFinal) button("Try again", () => actions.retry(item));
    if (!isSettled(phase)) button("Remove", () => actions.remove(item));
  };
  const paint = (): void => {
    const { phase } = item;
    element.dataset["phase"] = phase.kind;
    name.textContent = item.name;
    state.textContent = sentence(item);
    bar.hidden = !isMoving(phase);
    bar.value = percent(item);
    bar.setAttribute("aria-label", item.name);
    offer();
  };
  paint();
  return { element, paint };
}

function make(tag: "div", name: string): HTMLDivElement {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}
