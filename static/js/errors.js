// Moves the focus to the summary of errors when a page arrives with one (the dialog does the same for its own content), and
// from a link in the summary to its field, opening the group that the field stands in.

document.querySelector("main [data-error-summary]")?.focus();

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-error-summary] a[href^='#']");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  for (let group = field.closest("details"); group; group = group.parentElement.closest("details")) group.open = true;
  const target = field.matches("input, select, textarea, button") ? field : field.querySelector("input, select, textarea");
  (target ?? field).focus();
});
