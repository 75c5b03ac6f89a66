// A field marked data-shown-for="oauth2" is there only while the field named by data-shown-by (by default "kind") has that
// value; several values are separated by spaces. A hidden field is disabled too, so that the browser neither demands nor
// sends it. Without this script it is always shown, and its help says when it counts.
//
// A button marked data-last-for="consumer_pre_authentication" says data-last-label while the field has one of those values:
// there is no step after this one.

function chosen(form, name) {
  const control = form.elements.namedItem(name);
  return control ? control.value : null;
}

function update(form) {
  for (const field of form.querySelectorAll("[data-shown-for]")) {
    const value = chosen(form, field.dataset.shownBy ?? "kind");
    if (value === null) continue;
    const shown = field.dataset.shownFor.split(" ").includes(value);
    field.closest("[data-field]").hidden = !shown;
    field.disabled = !shown;
  }
  for (const button of form.querySelectorAll("[data-last-for]")) {
    button.dataset.label ??= button.textContent;
    const isLast = button.dataset.lastFor.split(" ").includes(chosen(form, "kind"));
    button.textContent = isLast ? button.dataset.lastLabel : button.dataset.label;
  }
}

function updateAll() {
  document.querySelectorAll("form").forEach(update);
}

document.addEventListener("change", (event) => {
  if (event.target.form) update(event.target.form);
});
document.addEventListener("htmx:afterSwap", updateAll);
window.addEventListener("pageshow", updateAll);
updateAll();
