/* A dialog that asks something opens with the cursor in its first field. */

document.addEventListener("shown.bs.modal", (event) => {
  event.target.querySelector(".modal-body :is(input, select):not([type=hidden], :disabled)")?.focus();
});
