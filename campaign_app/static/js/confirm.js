/* One dialog for every "are you sure?": forms and buttons with `data-confirm`, and htmx's hx-confirm. */

function put(id, text) {
  const element = document.getElementById(id);
  element.textContent = text ?? "";
  element.hidden = !text;
}

/** Ask; gives true when the person agrees. */
export function ask(question, { yes = "Yes", detail = "", danger = false } = {}) {
  const dialog = document.getElementById("confirm");
  if (!dialog) return Promise.resolve(window.confirm(question));
  put("confirm-question", question);
  put("confirm-detail", detail);
  put("confirm-yes", yes);
  const button = document.getElementById("confirm-yes");
  button.classList.toggle("btn-danger", danger);
  button.classList.toggle("btn-primary", !danger);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** What the dialog says; it is red when the button that asks is. */
function wording(element, button) {
  const danger = /danger/.test(button?.className);
  return { yes: element.dataset.confirmYes, detail: element.dataset.confirmDetail, danger };
}

document.documentElement.dataset.asks = "yes"; // ask_early.js need not any more

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const asker = event.submitter?.dataset.confirm ? event.submitter : form;
  if (!asker.dataset.confirm || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await ask(asker.dataset.confirm, wording(asker, event.submitter)))) return;
  form.dataset.confirmed = "yes";
  form.requestSubmit(event.submitter);
  delete form.dataset.confirmed;
}, true);

document.addEventListener("htmx:confirm", async (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  if (await ask(event.detail.question, wording(event.detail.elt, event.detail.elt))) event.detail.issueRequest(true);
});
