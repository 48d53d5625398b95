/*
 * The campaign's and the template's editor: merge fields into subject and text, finding among many
 * groups, and a warning before typed work is left behind.
 */

const visited = new WeakSet();

document.addEventListener("focusin", (event) => visited.add(event.target));

/** At the caret; at the end of a field that nobody has been in yet. */
function insert(button) {
  const field = document.getElementById(button.dataset.insertInto);
  if (!visited.has(field)) field.setSelectionRange(field.value.length, field.value.length);
  field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-insert]");
  if (button) insert(button);
});

function filter(box) {
  const wanted = box.value.trim().toLowerCase();
  for (const label of box.closest("fieldset").querySelectorAll("[data-group-name]")) {
    label.hidden = !label.dataset.groupName.includes(wanted);
  }
}

let typed = false;

for (const form of document.querySelectorAll("[data-campaign-form]")) {
  form.addEventListener("input", (event) => {
    if (event.target.matches("[data-filter-groups]")) return filter(event.target);
    typed = true;
    });
  form.addEventListener("submit", () => {
    typed = false;
  });
}

window.addEventListener("beforeunload", (event) => {
  if (typed) event.preventDefault();
});
