/*
 * The form of a segment. The server writes its rows: whenever a rule asks about something else, or
 * one is added or removed, they are fetched anew with what is in them, and the focus stays in place.
 */

const form = document.querySelector("[data-segment-form]");
const rows = document.getElementById("rules");

function recount() {
  form.dispatchEvent(new Event("recount"));
}

/** Where the same thing is among the rows; the buttons of removed rows are gone. */
function place(element) {
  const alike = [...rows.querySelectorAll(`[name="${element.name}"]`)];
  return { name: element.name, index: alike.indexOf(element) };
}

function focus(was) {
  const asked = rows.querySelector("[data-focus]");
  const alike = rows.querySelectorAll(`[name="${was.name}"]`);
  (asked ?? alike[Math.min(was.index, alike.length - 1)])?.focus();
}

let latest = 0;

async function refresh(element, asked) {
  const turn = (latest += 1);
  const was = place(element);
  const body = new FormData(form);
  if (asked) body.set("do", asked);
  const answer = await fetch(form.dataset.rulesUrl, { method: "POST", body }).catch(() => null);
  if (turn !== latest) return;
  if (!answer?.ok) {
    document.dispatchEvent(new CustomEvent("htmx:sendError"));
    return;
  }
  rows.innerHTML = await answer.text();
  focus(was);
  recount();
}

if (form) {
  form.addEventListener("input", (event) => {
    if (event.target.name !== "segment_name" && !event.target.matches("[data-rule-part]")) recount();
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-rule-part]")) refresh(event.target);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-rule-button]");
    if (!button) return;
    event.preventDefault();
    refresh(button, button.value);
  });
}
