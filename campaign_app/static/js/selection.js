/*
 * Choosing rows of a list and acting on them: `form[data-selection]` with its bar, and the dialog that
 * asks what the pressed button's action needs to know. Listens on the document, so htmx may swap the list.
 */

import "./dialogs.js";

const ACTIONS = {
  join: { title: "Add {who} to a group", button: "Add" },
  leave: { title: "Remove {who} from a group", button: "Remove" },
  unsubscribe: { title: "Unsubscribe {who}?", button: "Unsubscribe" },
  resubscribe: { title: "Resubscribe {who}?", button: "Resubscribe" },
  tag: { title: "Tag {who}", button: "Tag" },
  untag: { title: "Take a tag off {who}", button: "Remove the tag" },
  suppress: { title: "Suppress {who}?", button: "Suppress" },
  merge: { title: "Merge {who}", button: "Merge" },
  delete: { title: "Delete {who}?", button: "Delete", colour: "btn-danger" },
};

let last = null;

const form = () => document.querySelector("form[data-selection]");
const boxes = () => [...form().querySelectorAll("input[name=id]")];
const chosen = () => boxes().filter((box) => box.checked);
const everybody = () => form().querySelector("[data-everybody]");

function people() {
  if (everybody().value) return ["all", form().dataset.total, "that match"].filter(Boolean).join(" ");
  const count = chosen().length;
  const noun = form().dataset.noun ?? "recipient";
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function refresh() {
  if (!form()?.querySelector("[data-bulk-bar]")) return;
  const count = chosen().length;
  const page = form().querySelector("[data-select-page]");
  page.checked = count > 0 && count === boxes().length;
  page.indeterminate = count > 0 && !page.checked;
  form().querySelector("[data-bulk-bar]").hidden = count === 0;
  const everyone = form().dataset.total ? `All ${form().dataset.total} selected` : "All that match selected";
  const text = everybody().value ? everyone : `${count} selected`;
  form().querySelector("[data-bulk-count]").textContent = text;
  const all = form().querySelector("[data-select-everybody]");
  if (all) all.hidden = !page.checked || Boolean(everybody().value);
  for (const box of boxes()) box.closest("tr").classList.toggle("is-chosen", box.checked);
}

function choose(checked, everyone = false) {
  for (const box of boxes()) box.checked = checked;
  everybody().value = everyone ? "1" : "";
  refresh();
}

/* Shift takes everything between this click and the last one. */
function range(box) {
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
  if (from < 0) return;
  for (const one of all.slice(from, to + 1)) one.checked = box.checked;
}

document.addEventListener("click", (event) => {
  if (!form()) return;
  const box = event.target.closest("form[data-selection] input[name=id]");
  if (box && event.shiftKey) range(box);
  if (box) last = box;
  if (event.target.closest("[data-select-everybody]")) choose(true, true);
  if (event.target.closest("[data-select-nobody]")) choose(false);
});

document.addEventListener("change", (event) => {
  if (!event.target.closest("form[data-selection]")) return;
  if (event.target.matches("[data-select-page]")) return choose(event.target.checked);
  everybody().value = "";
  refresh();
});

document.addEventListener("show.bs.modal", (event) => {
  const name = event.relatedTarget?.dataset.bulk;
  const action = ACTIONS[name];
  if (!action) return;
  const modal = event.target;
  const target = modal.querySelector("#merge-into"); // the first of those chosen is the likeliest
  if (target && chosen()[0]) target.value = chosen()[0].value;
  modal.querySelector("[data-bulk-action]").value = name;
  modal.querySelector("#bulk-title").textContent = action.title.replace("{who}", people());
  const button = modal.querySelector("[data-bulk-submit]");
  button.textContent = action.button;
  button.className = `btn ${action.colour ?? "btn-primary"}`;
  for (const part of modal.querySelectorAll("[data-bulk-for]")) {
    const needed = part.dataset.bulkFor.split(" ").includes(name);
    part.disabled = !needed;
    part.hidden = !needed;
  }
});

/* A long list is counted to the end behind the page: then the number goes wherever it is told. */
document.addEventListener("htmx:afterSwap", () => {
  const counted = document.querySelector("#list [data-counted]");
  if (!counted || !form() || form().dataset.total) return;
  form().dataset.total = counted.dataset.counted;
  const all = form().querySelector("[data-count]");
  if (all) all.textContent = counted.dataset.counted;
  refresh();
});

refresh(); // the browser may have kept boxes checked
