// Search shows a summary of each hit by fetching its page. A page opened from a disk (file://) may
// not fetch; there the search lists its hits without summaries.
if (window.location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// A formula wider than the page scrolls by itself. Then it must be reachable by keyboard.
function makeWideFormulasReachable() {
  for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
    if (formula.scrollWidth > formula.clientWidth) {
      formula.tabIndex = 0;
    } else {
      formula.removeAttribute("tabindex");
    }
  }
}

window.addEventListener("load", () => {
  window.MathJax?.startup?.promise?.then(makeWideFormulasReachable);
  window.addEventListener("resize", makeWideFormulasReachable);
});
