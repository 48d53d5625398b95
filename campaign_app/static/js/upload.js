/*
 * Bringing in a file: dropped or chosen, sent in parts with progress, paused, gone on with after a
 * lost connection or a reload. Without scripts the same form sends the file in one go.
 *
 * See templates/imports/new.html for the parts of the form. How the bytes travel: upload_parts.js.
 */

import { duration, number } from "./format.js";
import { ask, Refusal, Transfer } from "./upload_parts.js";

const KEPT = "carillon-upload";
const WINDOW = 8000;
const UNITS = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];

function size(bytes) {
  const [unit, name] = UNITS.find(([one]) => bytes >= one) ?? [1, "bytes"];
  return `${bytes / unit >= 100 ? number(Math.round(bytes / unit)) : (bytes / unit).toFixed(unit > 1 ? 1 : 0)} ${name}`;
}

/* An unfinished upload is remembered by its file: name, size and last change. */
const memory = {
  get() {
    try {
      return JSON.parse(localStorage.getItem(KEPT));
    } catch {
      return null;
    }
  },
  set(file, id) {
    localStorage.setItem(KEPT, JSON.stringify({ id, name: file.name, size: file.size, changed: file.lastModified }));
  },
  forget() {
    localStorage.removeItem(KEPT);
  },
  isOf(file) {
    const kept = this.get();
    return kept?.name === file.name && kept.size === file.size && kept.changed === file.lastModified;
  },
};

/* How fast it is, from the last seconds only: what was a minute ago says nothing about the line. */
class Pace {
  constructor() {
    this.points = [];
  }

  note(bytes) {
    const now = performance.now();
    this.points.push([now, bytes]);
    while (this.points.length > 2 && now - this.points[0][0] > WINDOW) this.points.shift();
  }

  get rate() {
    const [first, last] = [this.points[0], this.points.at(-1)];
    const seconds = first ? (last[0] - first[0]) / 1000 : 0;
    return seconds > 0.5 ? Math.max(0, (last[1] - first[1]) / seconds) : 0;
  }
}

class Upload {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector("input[type=file]");
    this.transfer = null;
    this.file = null;
    this.id = null;
    this.said = -1;
    form.classList.add("is-scripted");
    this.part("plain").hidden = true;
    this.listen();
    this.offerRest();
    this.choose(this.input.files[0]); // somebody may have been quicker than this script
  }

  part(name) {
    return this.form.querySelector(`[data-upload-${name}]`);
  }

  get token() {
    return this.form.elements.csrf_token.value;
  }

  url(action) {
    return this.form.dataset.beginUrl.replace(/\.json$/, `/${this.id}/${action}.json`);
  }

  listen() {
    drops(this.form, this.input);
    this.input.addEventListener("change", () => this.choose(this.input.files[0]));
    this.part("pause").addEventListener("click", () => (this.transfer ? this.pause() : this.proceed()));
    this.part("abort").addEventListener("click", () => this.abort());
    this.part("forget").addEventListener("click", () => this.forget());
    this.part("retry").addEventListener("click", () => this.proceed());
    this.form.addEventListener("submit", () => {
      this.input.disabled = true;
    });
    window.addEventListener("pageshow", () => {
      this.input.disabled = false;
    });
  }

  /* What a page that was closed has left unfinished. */
  offerRest() {
    const kept = memory.get();
    this.part("resume").hidden = !kept;
    if (!kept) return;
    this.part("resume-text").textContent =
      `“${kept.name}” (${size(kept.size)}) has arrived in part. Choose the same file again, and it goes on where it stood.`;
  }

  choose(file) {
    if (!file) return;
    this.input.value = "";
    this.file = file;
    this.id = memory.isOf(file) ? memory.get().id : null;
    const limit = Number(this.form.dataset.maxBytes) || Infinity;
    if (!file.size) return this.fail("This file is empty.", false);
    if (file.size > limit) return this.fail(`This file is larger than ${size(limit)}, which is all that is accepted. Split it in two.`, false);
    this.proceed();
  }

  async proceed() {
    this.show(true);
    this.say("Connecting…");
    try {
      const offer = await this.begin();
      await this.send(offer);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      this.transfer = null;
      const again = refusal.status === 0 || refusal.status >= 500;
      this.fail(refusal.message, again);
    }
  }

  async begin() {
    if (this.id) {
      try {
        return await ask(this.url("resume"), this.token);
      } catch (refusal) {
        if (![404, 409].includes(refusal.status)) throw refusal;
        this.id = null; // it was discarded, or lay too long: from the beginning
      }
    }
    const groups = [...this.form.querySelectorAll("input[name=group_ids]")].map((one) => Number(one.value));
    const offer = await ask(this.form.dataset.beginUrl, this.token, {
      filename: this.file.name,
      size: this.file.size,
      group_ids: groups,
    });
    this.id = offer.upload_id;
    memory.set(this.file, this.id);
    return offer;
  }

  async send(offer) {
    const pace = new Pace();
    this.transfer = new Transfer(this.file, offer, {
      renew: () => ask(this.url("resume"), this.token),
      moved: (bytes) => {
        pace.note(bytes);
        this.moved(bytes, pace.rate);
      },
      waiting: (on) => this.hint(on ? "The connection is lost. It goes on by itself as soon as it is back." : ""),
    });
    pace.note(this.transfer.sent);
    this.moved(this.transfer.sent, 0);
    this.paused(false);
    const transfer = this.transfer;
    if (!(await transfer.run())) return;
    await this.complete();
  }

  async complete() {
    this.say("Looking into the file…");
    this.part("pause").disabled = true;
    try {
      const made = await ask(this.url("complete"), this.token);
      memory.forget();
      window.location.assign(made.next);
    } catch (refusal) {
      if (refusal.status >= 400 && refusal.status < 500) await this.drop();
      throw refusal;
    } finally {
      this.part("pause").disabled = false;
    }
  }

  pause() {
    this.transfer.stop();
    this.transfer = null;
    this.paused(true);
    this.say("Paused. You may close this page, and choose the file again within three days.");
  }

  async abort() {
    this.transfer?.stop();
    this.transfer = null;
    await this.drop();
    this.show(false);
    this.offerRest();
    this.input.focus();
  }

  async forget() {
    this.id = memory.get()?.id;
    await this.drop();
    this.offerRest();
    this.input.focus();
  }

  /* Give it up on the server, too; one that cannot be reached sweeps by itself. */
  async drop() {
    memory.forget();
    if (this.id) await ask(this.url("abort"), this.token).catch(() => {});
    this.id = null;
  }

  moved(bytes, rate) {
    if (!this.transfer || this.transfer.stopped) return;
    const percent = Math.floor((bytes / this.file.size) * 100);
    this.draw(percent);
    const left = rate > 0 ? `about ${duration((this.file.size - bytes) / rate)} left` : "";
    const figures = [`${size(bytes)} of ${size(this.file.size)}`, rate > 0 ? `${size(rate)}/s` : "", left];
    this.part("text").textContent = figures.filter(Boolean).join(" · ");
    if (Math.floor(percent / 10) !== this.said) {
      this.said = Math.floor(percent / 10);
      this.part("status").textContent = `${percent}% uploaded`;
    }
  }

  draw(percent) {
    const bar = this.form.querySelector("[data-upload-progress] .progress-bar");
    bar.style.width = `${percent}%`;
    bar.closest("[role=progressbar]").setAttribute("aria-valuenow", String(percent));
    this.part("percent").textContent = `${percent}%`;
  }

  paused(on) {
    this.part("pause").textContent = on ? "Go on" : "Pause";
    this.part("pause").classList.toggle("btn-primary", on);
    this.form.querySelector("[data-upload-progress] .progress-bar").classList.toggle("bg-secondary", on);
  }

  say(words) {
    this.part("text").textContent = words;
    this.part("status").textContent = words;
  }

  hint(words) {
    this.part("hint").textContent = words;
    this.part("hint").hidden = !words;
  }

  show(on) {
    this.part("progress").hidden = !on;
    this.form.querySelector("[data-drop]").hidden = on;
    this.form.setAttribute("aria-busy", String(on));
    this.part("error").hidden = true;
    if (!on) return;
    this.hint("");
    this.part("resume").hidden = true;
    this.part("name").textContent = this.file.name;
    this.part("pause").focus({ preventScroll: true });
  }

  fail(words, again) {
    this.show(false);
    this.part("error").hidden = false;
    this.part("error-text").textContent = words;
    this.part("retry").hidden = !again;
    this.offerRest();
    (again ? this.part("retry") : this.input).focus({ preventScroll: true });
  }
}

function drops(form, input) {
  const zone = form.querySelector("[data-drop]");
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

/** Make every upload form at or below `node` work with dropping, parts and progress. */
export function start(node) {
  for (const form of node.querySelectorAll("form[data-upload]:not(.is-scripted)")) new Upload(form);
}
