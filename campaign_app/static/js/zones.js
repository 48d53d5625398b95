/* Chooses the browser's own zone in a list marked `data-guess-zone`, also under its older name. */

function oldNames() {
  const element = document.getElementById("old-zone-names");
  return element ? JSON.parse(element.textContent) : {};
}

for (const list of document.querySelectorAll("select[data-guess-zone]")) {
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const name = oldNames()[guess] ?? guess;
  if ([...list.options].some((option) => option.value === name)) list.value = name;
}
