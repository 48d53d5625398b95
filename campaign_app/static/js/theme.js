/*
 * Applies the remembered theme before the first paint, so that a dark page never flashes white.
 * A classic script on purpose: modules run too late. The page is dark when the choice is "dark", or
 * "auto" on a dark system; every change is announced as a `themechange` event on document.
 */
(function () {
  "use strict";

  const KEY = "carillon-theme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function choice() {
    try {
      return localStorage.getItem(KEY) || "auto";
    } catch {
      return "auto"; // storage is closed in some private windows
    }
  }

  function apply() {
    const chosen = choice();
    const dark = chosen === "dark" || (chosen === "auto" && system.matches);
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    document.documentElement.dataset.theme = chosen;
    document.dispatchEvent(new CustomEvent("themechange", { detail: { chosen, dark } }));
  }

  window.carillonTheme = {
    choice,
    choose(value) {
      try {
        localStorage.setItem(KEY, value);
      } catch {
        // the choice then lasts for this page only
      }
      apply();
    },
  };
  system.addEventListener("change", apply);
  apply();
})();
