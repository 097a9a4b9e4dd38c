// Search shows a summary of each hit by fetching its page. A page opened from a disk (file://) may
// not fetch; there the search lists its hits without summaries.
if (window.location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
