/* Short good news in the corner; errors stay until they are read. */

const STAY = 6000;
const KEPT = "carillon-toasts";

function icon(name, colour) {
  const source = document.querySelector("use")?.getAttribute("href")?.split("#")[0] ?? "";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${colour}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${source}#${name}`);
  svg.append(use);
  return svg;
}

function leave(element) {
  let timer = setTimeout(() => element.remove(), STAY);
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("pointerleave", () => {
    timer = setTimeout(() => element.remove(), STAY / 2);
  });
}

/** Say `message`; `kind` is success, info or danger. */
export function toast(message, kind = "info") {
  const box = document.getElementById("toasts");
  if (!box) return;
  const element = document.createElement("div");
  element.className = "toast show";
  element.setAttribute("role", kind === "danger" ? "alert" : "status");
  const body = document.createElement("div");
  body.className = "toast-body d-flex align-items-center gap-2";
  const look = { success: ["circle-check", "text-green"], danger: ["alert-circle", "text-red"] };
  const text = document.createElement("span");
  text.className = "flex-fill";
  text.textContent = message;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn-close";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => element.remove());
  body.append(icon(...(look[kind] ?? ["info-circle", "text-blue"])), text, close);
  element.append(body);
  box.append(element);
  if (kind !== "danger") leave(element);
}

/** Keep what `page`, fetched behind the person's back, wanted to say, for the page they see next. */
export function keep(page) {
  const said = [...page.querySelectorAll("[data-toast] .toast-body span")].map((one) => one.textContent);
  if (said.length) sessionStorage.setItem(KEPT, JSON.stringify(said));
}

function showKept() {
  const said = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  sessionStorage.removeItem(KEPT);
  for (const message of said) toast(message, "success");
}

/** Let the toasts that came with the page leave by themselves, and show those that were kept. */
export function start(node) {
  showKept();
  for (const element of node.querySelectorAll("[data-toast]")) {
    element.removeAttribute("data-toast");
    leave(element);
  }
}
