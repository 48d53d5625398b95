/*
 * Asks "are you sure?" until confirm.js is there to do it better. A classic script on purpose: on a
 * slow line the page can be pressed before its modules have arrived, and a campaign cannot be called back.
 */
(function () {
  "use strict";

  document.addEventListener(
    "submit",
    (event) => {
      if ("asks" in document.documentElement.dataset) return;
      const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
      if (question && !window.confirm(question)) event.preventDefault();
    },
    true,
  );
})();
