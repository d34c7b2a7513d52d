import type { AppError } from "@trainyard/shared/errors.ts";
import { uploadKindsHint } from "@trainyard/shared/dataset/upload-kinds.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { html } from "../http/page.ts";
import type { Html, Page } from "../http/page.ts";
import type { UploadLink } from "../transfer/links.ts";
import { script } from "./script.generated.ts";
import { uploadStyle } from "./style.ts";

/** Where a person drops photos: what an upload link shows in a browser. */
export function uploadPage(link: UploadLink, address: string, nowMs: number): Page {
  const takesOne = link.once === true || link.f !== undefined;
  const input = (accept: string): Html =>
    html`<input type="file" disabled accept="${accept}" ${takesOne ? "" : "multiple"} />`;
  return {
    title: `Add files to ${link.d}`,
    style: uploadStyle,
    script,
    connects: true,
    body: html`<main
      id="page"
      data-dataset="${link.d}"
      ${link.f === undefined ? "" : html`data-filename="${link.f}"`}
      ${link.once === true ? html`data-once` : ""}
      data-part-bytes="${String(limits.partBytes)}"
      data-file-bytes="${String(limits.fileBytes)}"
      data-seconds-left="${String(Math.floor(link.exp - nowMs / 1_000))}"
    >
      <h1>Add files to <b>${link.d}</b></h1>
      <p class="quiet">
        They go straight to the box and are kept nowhere else.<span id="left"></span>
      </p>
      ${takesOne ? html`<p>${oneFile(link)}</p>` : ""}
      <p id="notice" class="notice" role="alert" hidden></p>
      <div class="drop">
        <p class="hint">
          ${takesOne ? "Drop it here, or" : "Drop photos, captions or a zip here, or"}
        </p>
        <div class="choose">
          <label class="first"
            >Choose ${takesOne ? "a photo" : "photos"}${input("image/*,video/*")}</label
          >
          <label>Choose ${takesOne ? "a file" : "files"}${input("")}</label>
        </div>
      </div>
      <p class="quiet">${uploadKindsHint}</p>
      <section id="summary" aria-label="All files" hidden>
        <p id="count"></p>
        <p id="amount" class="quiet"></p>
        <progress id="all" aria-label="All files"></progress>
        <div class="bulk">
          <button type="button" id="retry-all" hidden>Try all again</button>
          <button type="button" id="replace-all" hidden>Replace all</button>
          <button type="button" id="keep-all" hidden>Keep all of both</button>
        </div>
      </section>
      <ul id="files" aria-label="Files"></ul>
      <details id="there" hidden>
        <summary id="there-count"></summary>
        <ul id="there-files"></ul>
      </details>
      <p id="said" class="out" role="status"></p>
      <noscript>
        <p>This page needs scripts. Without them a shell does it:</p>
        <pre>curl -T photo.jpg ${address}/photo.jpg</pre>
      </noscript>
    </main>`,
  };
}

function oneFile({ f }: UploadLink): string {
  return f === undefined
    ? "This link takes one file, once."
    : `This link takes one file, which is saved as ${f}.`;
}

/** What is shown for a link that takes nothing: any more, or because it was never one of ours. */
export function refusedPage({ code, message, hint }: AppError): Page {
  const title = code === "LINK_INVALID" ? "This link does not work" : "This link has ended";
  return {
    title,
    body: html`<main>
      <h1>${title}</h1>
      <p>${message}${hint === undefined ? "" : ` ${hint}`}</p>
    </main>`,
  };
}
