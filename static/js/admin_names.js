// Says in words what Django's administration only draws. A field that searches as one types is called what its label says, and
// so are the box and the list that it opens; an explanation behind a sign is a picture that has words.

const PARTS = ".select2-selection, .select2-search__field, .select2-results__options, .select2-dropdown";

// The ids of what belongs to a field are its own between "select2-" and "-results" or "-container".
function labelOf(part) {
  const id = [part, ...part.querySelectorAll("[id^=select2-]")].map((each) => each.id).find((each) => each.startsWith("select2-"));
  const select = document.getElementById(id?.replace(/^select2-|-(results|container)$/g, ""));
  const label = select?.labels[0];
  if (label) label.id ||= `${select.id}_label`;
  return label;
}

function describe(part, label) {
  part.setAttribute("aria-labelledby", label.id);
  if (part.matches(".select2-dropdown")) part.setAttribute("role", "region");
  if (!part.matches(".select2-selection")) return;
  const value = part.querySelector(".select2-selection__rendered");
  value.removeAttribute("role");
  value.removeAttribute("aria-readonly");
  part.setAttribute("aria-labelledby", `${label.id} ${value.id}`);
  if (part.hasAttribute("aria-owns")) part.setAttribute("aria-controls", part.getAttribute("aria-owns"));
}

function describeAll() {
  for (const sign of document.querySelectorAll(".help-tooltip:not([role])")) sign.setAttribute("role", "img");
  for (const part of document.querySelectorAll(PARTS)) {
    const label = labelOf(part.closest(".select2-dropdown") ?? part);
    if (label) describe(part, label);
  }
}

// They are made by scripts of their own, some of them only when they are opened.
const changes = { childList: true, subtree: true, attributeFilter: ["aria-owns"] };
new MutationObserver(describeAll).observe(document.body, changes);
describeAll();
