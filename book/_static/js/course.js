// Search shows a summary of each hit by fetching its page. A page opened from a disk (file://) may
// not fetch; there the search lists its hits without summaries.
if (window.location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// A formula or a piece of code wider than the page scrolls by itself. Then it must be reachable by
// keyboard. Widths are known when formulas are set, and when a folded cell has been opened.
function makeWideBlocksReachable() {
  for (const block of document.querySelectorAll(
    'mjx-container[display="true"], div.highlight pre',
  )) {
    if (block.scrollWidth > block.clientWidth) {
      block.tabIndex = 0;
    } else {
      block.removeAttribute("tabindex");
    }
  }
}

window.addEventListener("load", () => {
  makeWideBlocksReachable();
  window.MathJax?.startup?.promise?.then(makeWideBlocksReachable);
  window.addEventListener("resize", makeWideBlocksReachable);
  document.addEventListener("toggle", makeWideBlocksReachable, true);
});
