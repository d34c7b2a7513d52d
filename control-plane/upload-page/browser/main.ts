// The page behind an upload link: takes files from a person and brings them to the box through the same doors as everyone.
import { droppedFiles } from "./dropped.ts";
import { sentence } from "./item.ts";
import type { Item } from "./item.ts";
import { ask } from "./line.ts";
import type { Refusal } from "./line.ts";
import { readLink } from "./link.ts";
import { wake } from "./patience.ts";
import { createQueue } from "./queue.ts";
import { createRow } from "./rows.ts";
import type { Row } from "./rows.ts";
import { amountOf, createForecast, summaryOf, totalsOf } from "./summary.ts";

const byId = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const main = byId("page");
const link = readLink(main);
const inputs = [...document.querySelectorAll<HTMLInputElement>("input[type=file]")];
const rows = new Map<Item, Row>();
const forecast = createForecast(() => Date.now());
let isWaitingForBox = false;

const queue = createQueue(link, {
  changed: (item) => {
    rows.get(item)?.paint();
    if (item.phase.kind === "refused") say(`${item.name}: ${sentence(item)}`);
    paint();
  },
  linkEnded: endLink,
});

// ---- what is said ------------------------------------------------------------------------------

/** For who does not see the page. */
function say(text: string): void {
  byId("said").textContent = text;
}

function notice(text: string): void {
  byId("notice").textContent = text;
  byId("notice").hidden = text === "";
}

let wasOpen = 0;

function paint(): void {
  const totals = totalsOf(queue.items);
  byId("summary").hidden = totals.files === 0;
  byId("count").textContent = summaryOf(totals);
  const isOpen = totals.open > 0 && !("ended" in main.dataset);
  const bar = byId("all") as HTMLProgressElement;
  bar.hidden = !isOpen;
  bar.max = Math.max(1, totals.bytes);
  bar.value = totals.doneBytes;
  byId("amount").textContent = isOpen
    ? [amountOf(totals), forecast(totals)].filter((text) => text !== "").join(", ")
    : "";
  for (const [id, count] of [
    ["retry-all", totals.retryable],
    ["replace-all", totals.asking],
    ["keep-all", totals.asking],
  ] as const) {
    byId(id).hidden = count < 2;
  }
  if (wasOpen > 0 && !isOpen && totals.files > 0) {
    say(summaryOf(totals));
    void showWhatIsThere();
  }
  wasOpen = isOpen ? totals.open : 0;
  paintBoxState();
  void keepAwake(isOpen);
}

function paintBoxState(): void {
  const waits = queue.items.some(({ phase }) => phase.kind === "held" && phase.reason === "box");
  if (waits === isWaitingForBox) return;
  isWaitingForBox = waits;
  notice(waits ? "The box is not connected. The files go on by themselves when it is back." : "");
}

// ---- what a person does ------------------------------------------------------------------------

function add(files: readonly File[]): void {
  const added = queue.add(files);
  for (const item of added) {
    const row = createRow(item, { ...queue, remove });
    rows.set(item, row);
    byId("files").append(row.element);
    row.paint();
  }
  if (added.length > 0) say(`${added.length} ${added.length === 1 ? "file" : "files"} added`);
  else if (files.length > 0) say("Nothing new: these files are in the list.");
  queue.start();
  paint();
}

function remove(item: Item): void {
  const row = rows.get(item)?.element;
  const next = row?.nextElementSibling ?? row?.previousElementSibling;
  queue.remove(item);
  rows.delete(item);
  row?.remove();
  // Who works with the keyboard stays in the list.
  (next?.querySelector("button") ?? inputs[0])?.focus();
  paint();
}

for (const input of inputs) {
  input.addEventListener("change", () => {
    add([...(input.files ?? [])]);
    // The same file may be chosen again.
    input.value = "";
  });
}
addEventListener("dragover", (event) => {
  event.preventDefault();
  main.dataset["over"] = "";
});
for (const name of ["dragleave", "drop"] as const) {
  addEventListener(name, (event) => {
    if (name === "dragleave" && event.relatedTarget !== null) return;
    delete main.dataset["over"];
  });
}
addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer !== null && !inputs.some(({ disabled }) => disabled)) {
    void droppedFiles(event.dataTransfer).then(add);
  }
});
const all = (kind: Item["phase"]["kind"], act: (item: Item) => void) => (): void => {
  for (const item of queue.items.filter(({ phase }) => phase.kind === kind)) act(item);
};
byId("retry-all").addEventListener("click", () => {
  for (const item of queue.items) {
    if (item.phase.kind === "refused" && !item.phase.isFinal) queue.retry(item);
  }
});
byId("replace-all").addEventListener("click", all("asking", queue.replace));
byId("keep-all").addEventListener("click", all("asking", queue.keepBoth));
addEventListener("beforeunload", (event) => {
  if (wasOpen > 0) event.preventDefault();
});

// ---- a phone that slept ------------------------------------------------------------------------

addEventListener("online", wake);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  wake();
  paintEnd();
  void keepAwake(wasOpen > 0);
});

let lock: WakeLockSentinel | null = null;

/** While files go out the screen stays on, where the browser allows it: a phone that sleeps cuts them off. */
async function keepAwake(wanted: boolean): Promise<void> {
  if (!wanted) {
    const held = lock;
    lock = null;
    await held?.release().catch(() => undefined);
    return;
  }
  if (!("wakeLock" in navigator) || document.visibilityState !== "visible") return;
  if (lock !== null && !lock.released) return;
  lock = await navigator.wakeLock.request("screen").catch(() => null);
}

// ---- the link and what is behind it ------------------------------------------------------------

function endLink({ message, hint }: Pick<Refusal, "message" | "hint">): void {
  const again =
    queue.items.length === 0
      ? ""
      : " What is saved stays. Choose the same files again there: what was sent is not sent twice.";
  notice(`${message} ${hint ?? ""} ${again}`.replaceAll(/ +/g, " ").trim());
  for (const input of inputs) input.disabled = true;
  main.dataset["ended"] = "";
  byId("left").textContent = "";
  paint();
}

function paintEnd(): void {
  const seconds = (link.endsAtMs - Date.now()) / 1_000;
  if ("ended" in main.dataset) return;
  if (seconds <= 0) {
    endLink({ message: "This link has ended.", hint: "Ask for a new one." });
    return;
  }
  const minutes = Math.ceil(seconds / 60);
  const left =
    minutes > 90
      ? `${Math.round(minutes / 60)} hours`
      : `${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
  byId("left").textContent = ` The link works for ${left}.`;
}

/** What lies in the dataset already. */
async function showWhatIsThere(): Promise<void> {
  const { signal } = new AbortController();
  const headers = { accept: "application/json" };
  const said = await ask({ method: "GET", url: link.address, headers, signal }).catch(() => null);
  const files = said?.["files"];
  if (said === null || !Array.isArray(files)) return;
  const there = byId("there");
  there.hidden = files.length === 0;
  const [images, captions] = [Number(said["images"]), Number(said["captions"])];
  byId("there-count").textContent =
    `In the dataset: ${images} ${images === 1 ? "picture" : "pictures"}, ${captions} ${captions === 1 ? "caption" : "captions"}`;
  byId("there-files").replaceChildren(
    ...files.map((file: { readonly name: string }) => {
      const line = document.createElement("li");
      line.textContent = file.name;
      return line;
    }),
  );
}

if (globalThis.crypto?.subtle === undefined) {
  notice("This page needs https: without it a browser cannot check what it sends.");
  for (const input of inputs) input.disabled = true;
} else {
  for (const input of inputs) input.disabled = false;
  paintEnd();
  setInterval(paintEnd, 15_000);
  void showWhatIsThere();
}
