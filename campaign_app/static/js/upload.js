/*
 * A file field to drop on, with progress. Without scripts it is an ordinary form.
 *
 *   <form method="post" enctype="multipart/form-data" data-upload>
 *     <label class="dropzone" data-drop>… <input type="file" name="file" required></label>
 *     <div data-upload-progress hidden><div class="progress"><div class="progress-bar"></div></div>
 *       <span data-upload-text></span> <button type="button" data-upload-abort>Stop</button></div>
 *   </form>
 *
 * After the upload the page goes where the server's redirect leads; a form that comes back with
 * errors takes the place of this one.
 */

import { keep, toast } from "./toasts.js";

function size(bytes) {
  const megabytes = bytes / 1e6;
  return megabytes < 1 ? `${Math.ceil(bytes / 1e3)} kB` : `${megabytes.toFixed(1)} MB`;
}

function name(form, file) {
  const place = form.querySelector("[data-file-name]");
  if (place && file) place.textContent = `${file.name} (${size(file.size)})`;
  form.querySelector("[data-drop]")?.classList.toggle("has-file", Boolean(file));
}

function drops(form, input) {
  const zone = form.querySelector("[data-drop]");
  if (!zone) return;
  for (const type of ["dragenter", "dragover"]) {
    zone.addEventListener(type, (event) => {
      event.preventDefault();
      zone.classList.add("is-over");
    });
  }
  for (const type of ["dragleave", "drop"]) {
    zone.addEventListener(type, () => zone.classList.remove("is-over"));
  }
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function progress(form, loaded, total) {
  const percent = total ? (loaded / total) * 100 : 0;
  const bar = form.querySelector("[data-upload-progress] .progress-bar");
  if (bar) bar.style.width = `${percent}%`;
  bar?.closest("[role=progressbar]")?.setAttribute("aria-valuenow", String(Math.round(percent)));
  const text = form.querySelector("[data-upload-text]");
  if (text) text.textContent = loaded < total ? `${size(loaded)} of ${size(total)}` : "Looking into the file…";
}

function busy(form, on) {
  const box = form.querySelector("[data-upload-progress]");
  if (box) box.hidden = !on;
  form.setAttribute("aria-busy", String(on));
  for (const button of form.querySelectorAll("[type=submit]")) button.disabled = on;
}

function parse(request) {
  return new DOMParser().parseFromString(request.responseText, "text/html");
}

function refused(form, request) {
  busy(form, false);
  const page = parse(request);
  const fresh = page.querySelector("form[data-upload]");
  if (fresh) {
    form.replaceWith(fresh);
    start(document);
    return;
  }
  const words = page.querySelector(".empty-subtitle, [role=alert]")?.textContent.trim();
  toast(words || "The upload did not work. Please try again.", "danger");
}

function send(form) {
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "text/html");
  request.upload.addEventListener("progress", (event) => progress(form, event.loaded, event.total));
  request.addEventListener("load", () => {
    const moved = request.responseURL && request.responseURL !== form.action;
    if (request.status >= 400 || !moved) return refused(form, request);
    keep(parse(request));
    window.location.assign(request.responseURL);
  });
  request.addEventListener("error", () => {
    busy(form, false);
    toast("The connection broke during the upload. Please try again.", "danger");
  });
  request.addEventListener("abort", () => busy(form, false));
  form.querySelector("[data-upload-abort]")?.addEventListener("click", () => request.abort(), { once: true });
  busy(form, true);
  request.send(new FormData(form));
}

function prepare(form) {
  if (form.dataset.uploadReady) return;
  form.dataset.uploadReady = "yes";
  const input = form.querySelector("input[type=file]");
  drops(form, input);
  input.addEventListener("change", () => name(form, input.files[0]));
  form.addEventListener("submit", (event) => {
    if (!input.files.length) return;
    event.preventDefault();
    const limit = Number(form.dataset.maxBytes) || Infinity;
    if (input.files[0].size > limit) {
      toast(`This file is larger than ${size(limit)}, which is all this server accepts. Split it in two.`, "danger");
      return;
    }
    send(form);
  });
}

/** Make every upload form at or below `node` work with dropping and progress. */
export function start(node) {
  for (const form of node.querySelectorAll("form[data-upload]")) prepare(form);
}
