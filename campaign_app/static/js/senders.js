/* The form of a sender: choosing a provider fills in what is known of it, and shows its note. */

const FIELDS = [
  "host", "port", "security", "delay_seconds", "max_connections", "messages_per_connection",
  "per_minute", "per_hour", "per_day",
];

function say(form, kind, text) {
  const box = form.querySelector(`[data-preset-${kind}]`);
  box.hidden = !text;
  box.querySelector(".alert-description").textContent = text ?? "";
}

function tell(form, preset) {
  say(form, "note", preset?.note);
  say(form, "warning", preset?.warning);
}

function fill(form, preset) {
  for (const name of FIELDS) form.elements[name].value = preset[name] ?? "";
}

for (const form of document.querySelectorAll("[data-sender-form]")) {
  const presets = JSON.parse(form.querySelector("[data-presets]").textContent);
  const list = form.elements.preset;
  tell(form, presets[list.value]);
  list.addEventListener("change", () => {
    fill(form, presets[list.value]);
    tell(form, presets[list.value]);
  });
}
