// The files beside what is being written: chosen, pasted or dropped, and uploaded while their author goes on writing.

import { clone, part, show } from "../js/dom.js";
import { gettext, interpolate } from "../js/texts.js";
import { toast } from "../js/toasts.js";
import { sizeOf } from "./attachments.js";
import { room } from "./room.js";

const PREVIEW_PX = 96;
const UPLOADS_AT_ONCE = 3;
const LOST = gettext("It did not get through. It goes on once there is a connection, or when you try again.");

/** Dispatches `change` when files come, go, or are uploaded. */
export class Uploads extends EventTarget {
  #entries = []; // {file, data, error, lost, request, element}
  #list = room.part("uploads");
  #bounds = room.upload;

  constructor() {
    super();
    const form = room.part("composer");
    const input = part(form, "files");
    part(form, "attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.add(input.files);
      input.value = ""; // So that the same file can be chosen again.
    });
    form.addEventListener("paste", (event) => this.#pasted(event));
    this.#takeDropped(room.part("conversation"));
    this.#list.addEventListener("click", ({ target }) => this.#clicked(target.closest("[data-action]")));
    room.topic.addEventListener("welcome", () => {
      for (const entry of this.#entries) if (entry.lost) this.#retry(entry);
    });
  }

  /** Whether some are not uploaded yet. */
  get waiting() {
    return this.#entries.some(({ data, error, lost }) => !data && (!error || lost));
  }

  /** Whether some cannot be uploaded. */
  get failed() {
    return this.#entries.some(({ error, lost }) => error && !lost);
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) {
      if (this.#entries.length >= this.#bounds.most) {
        const most = gettext("A message has at most %(most)s files. Send it, then attach more.");
        toast(interpolate(most, this.#bounds), "error");
        break;
      }
      const tooLarge = file.size > this.#bounds.bytes;
      const most = interpolate(gettext("A file has at most %(size)s."), { size: sizeOf(this.#bounds.bytes) });
      const error = tooLarge ? most : "";
      this.#put({ name: file.name, size: file.size, file: tooLarge ? null : file, error });
    }
    this.#uploadNext();
  }

  /** Takes back what was uploaded for a message that could not be sent. */
  putBack(attachments) {
    for (const data of attachments) this.#put({ name: data.name, size: data.size, data, error: "" });
  }

  /** @returns {object[]} what is uploaded, as on the wire; it is not listed here any more */
  take() {
    const uploaded = this.#entries.map(({ data }) => data);
    this.#entries = [];
    this.#list.replaceChildren();
    this.#changed();
    return uploaded;
  }

  #put(entry) {
    entry.element = clone("upload");
    part(entry.element, "name").textContent = entry.name;
    part(entry.element, "remove").ariaLabel = interpolate(gettext("Remove %(name)s"), { name: entry.name });
    this.#entries.push(entry);
    this.#list.append(entry.element);
    if (entry.file) preview(entry.file, part(entry.element, "preview"));
    this.#show(entry);
  }

  #uploadNext() {
    const busy = this.#entries.filter(({ request }) => request).length;
    const next = this.#entries.filter(({ data, error, request }) => !data && !error && !request);
    for (const entry of next.slice(0, UPLOADS_AT_ONCE - busy)) this.#upload(entry);
  }

  #upload(entry) {
    const request = new XMLHttpRequest(); // fetch does not tell how far an upload is
    entry.request = request;
    request.open("POST", this.#bounds.url);
    request.responseType = "json";
    request.setRequestHeader("X-CSRFToken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      part(entry.element, "progress").value = loaded / total;
    });
    request.addEventListener("loadend", () => {
      entry.request = null;
      const { status, response } = request;
      entry.data = status === 201 ? response : null;
      entry.lost = status === 0;
      if (entry.lost) entry.error = LOST;
      else if (!entry.data) entry.error = response?.detail ?? gettext("The server did not take it. Try again.");
      if (!this.#entries.includes(entry)) return; // It was removed meanwhile.
      this.#show(entry);
      this.#uploadNext();
    });
    const form = new FormData();
    form.append("file", entry.file);
    request.send(form);
    this.#show(entry);
  }

  #show({ element, file, size, data, error }) {
    show(part(element, "detail"), error || sizeOf(size));
    element.classList.toggle("upload--failed", Boolean(error));
    part(element, "progress").hidden = Boolean(data || error);
    part(element, "retry").hidden = !error || !file;
    this.#changed();
  }

  #retry(entry) {
    entry.error = "";
    entry.lost = false;
    this.#show(entry);
    this.#uploadNext();
  }

  #clicked(button) {
    if (!button) return;
    const entry = this.#entries.find(({ element }) => element.contains(button));
    if (button.dataset.action === "retry") {
      this.#retry(entry);
      return;
    }
    this.#entries = this.#entries.filter((other) => other !== entry);
    entry.request?.abort();
    entry.element.remove();
    this.#changed();
    this.#uploadNext();
    this.#list.closest("form").querySelector("textarea").focus();
  }

  #pasted(event) {
    const { files, types } = event.clipboardData;
    if (files.length === 0 || types.includes("text/plain")) return; // Office copies a picture of its text too.
    event.preventDefault();
    this.add(files);
  }

  #takeDropped(area) {
    const over = (on) => area.classList.toggle("conversation--drop", on);
    area.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files") || room.isArchived) return;
      event.preventDefault();
      over(true);
    });
    area.addEventListener("dragleave", ({ relatedTarget }) => over(area.contains(relatedTarget)));
    area.addEventListener("drop", (event) => {
      over(false);
      if (event.dataTransfer.files.length === 0) return;
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
  }

  /** The files are lost when the page is left, so the browser asks first while they can still be sent. */
  #ask(event) {
    if (this.#list.closest("form:not([inert])")?.isConnected) event.preventDefault();
  }

  #changed() {
    this.#list.hidden = this.#entries.length === 0;
    window.onbeforeunload = this.#entries.length ? (event) => this.#ask(event) : null;
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/** Draws a picture small; other files keep their icon. */
async function preview(file, canvas) {
  if (!file.type.startsWith("image/")) return;
  try {
    const bitmap = await createImageBitmap(file, { resizeHeight: PREVIEW_PX, resizeQuality: "medium" });
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.hidden = false;
  } catch {
    // The browser knows no such picture.
  }
}
