import { createContext, Script } from "node:vm";
import { beforeEach, describe, expect, it } from "vitest";
import { welcomePage } from "../../control-plane/http/welcome-page.ts";

type Listener = () => unknown;

/** As much of a document as the page's script touches. */
function openPage(token: string, clipboard: { writeText(text: string): Promise<void> } | null) {
  const listeners: Listener[] = [];
  const pre = { textContent: 'claude … --header "Authorization: Bearer YOUR_TOKEN"' };
  const button = {
    textContent: "Copy",
    previousElementSibling: pre,
    addEventListener: (_name: string, listener: Listener) => listeners.push(listener),
  };
  const said = { textContent: "" };
  const selected: unknown[] = [];
  const timers: Listener[] = [];
  const page = createContext({
    document: {
      getElementById: (id: string) => (id === "token" ? { value: token } : said),
      querySelectorAll: (what: string) => (what === "button" ? [button] : []),
    },
    navigator: clipboard === null ? {} : { clipboard },
    getSelection: () => ({ selectAllChildren: (node: unknown) => selected.push(node) }),
    setTimeout: (listener: Listener) => timers.push(listener),
  });
  new Script(welcomePage("http://127.0.0.1:8787/mcp").script ?? "").runInContext(page);
  return { click: async () => listeners[0]?.(), button, said, selected, timers, pre };
}

let copied: string[] = [];
const clipboard = {
  writeText: async (text: string) => {
    copied.push(text);
  },
};
beforeEach(() => {
  copied = [];
});

describe("the welcome page's script", () => {
  it("copies the setting with the token that was typed, and says so for a moment", async () => {
    const page = openPage("  ty_abc-123_X ", clipboard);
    await page.click();

    expect(copied).toEqual(['claude … --header "Authorization: Bearer ty_abc-123_X"']);
    expect(page.pre.textContent).toContain("YOUR_TOKEN");
    expect(page.button.textContent).toBe("Copied");
    expect(page.said.textContent).toBe("Copied");
    for (const timer of page.timers) timer();
    expect(page.button.textContent).toBe("Copy");
  });

  it("keeps the mark where nothing was typed, and what cannot stand in a header out", async () => {
    await openPage("", clipboard).click();
    await openPage(`a"b'c\\d $(e)\n`, clipboard).click();

    expect(copied[0]).toContain("Bearer YOUR_TOKEN");
    expect(copied[1]).toContain('Bearer abcde"');
  });

  it("selects the text where a browser gives no clipboard", async () => {
    const page = openPage("", null);
    await page.click();

    expect(page.selected).toEqual([page.pre]);
    expect(page.said.textContent).toContain("keyboard");
  });
});
