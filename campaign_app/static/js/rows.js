/* Lines of a form that can be added and removed: `[data-rows]` with a list and a blank line as template. */

document.addEventListener("click", (event) => {
  const rows = event.target.closest("[data-rows]");
  if (!rows) return;
  if (event.target.closest("[data-rows-add]")) {
    const list = rows.querySelector("[data-rows-list]");
    list.append(rows.querySelector("[data-rows-blank]").content.cloneNode(true));
    list.lastElementChild.querySelector("input").focus();
  }
  if (event.target.closest("[data-row-remove]")) {
    event.target.closest("[data-row]").remove();
    rows.querySelector("[data-rows-add]").focus();
  }
});
