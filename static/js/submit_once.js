// A form that is on its way is not sent a second time. Buttons are marked, not disabled: a disabled button's name and value
// would not be sent.

const sent = new WeakSet();

function mark(form, busy) {
  for (const button of form.querySelectorAll("button:not([type=button])")) {
    if (busy) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }
}

function release(form) {
  sent.delete(form);
  mark(form, false);
}

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (sent.has(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    sent.add(form);
    mark(form, true);
  },
  true,
);

// An answer that leaves the form where it is (an error of the network) gives it back; so does Back from the next page.
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt.closest?.("form");
  const leaving = event.detail.xhr?.getResponseHeader("HX-Redirect");
  if (form && !leaving) release(form);
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form").forEach(release);
});
