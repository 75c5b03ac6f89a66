// Opens a link marked data-dialog in the page's <dialog>: the part #dialog-content of the page that it names is shown
// there, and the forms inside are sent and answered in place. Without this script the link is an ordinary link.
//
// A server that wants to leave the dialog answers with the header HX-Redirect. An answer without #dialog-content (the
// sign-in page, say) is never shown in the dialog: the browser goes there.

const dialog = document.getElementById("dialog");
const body = document.getElementById("dialog-body");
const failure = document.getElementById("dialog-failure");
const announcer = dialog.querySelector("[data-announcer]");

let opener = null;
let titleBefore = document.title;

function open(link) {
  if (opener) return;
  opener = link;
  titleBefore = document.title;
  link.setAttribute("aria-busy", "true");
  htmx.ajax("GET", link.href, { source: body, target: body, select: "#dialog-content", swap: "innerHTML show:none" });
}

function focusTarget() {
  return (
    body.querySelector("[data-error-summary]") ??
    body.querySelector("[autofocus]") ??
    body.querySelector("input:not([type=hidden], [disabled]), select:not([disabled]), textarea:not([disabled], [readonly])") ??
    body.querySelector("button")
  );
}

document.addEventListener("click", (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const link = event.target.closest("a[data-dialog]");
  if (link && plain && !event.defaultPrevented) {
    event.preventDefault();
    open(link);
    return;
  }
  const closer = event.target.closest("[data-dialog-close]");
  if (closer && dialog.contains(closer)) {
    event.preventDefault();
    dialog.close();
  }
});

body.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (!event.detail.shouldSwap || xhr.status === 204) return;
  if (!xhr.responseText.includes('id="dialog-content"')) {
    event.detail.shouldSwap = false;
    location.assign(xhr.responseURL);
  }
});

body.addEventListener("htmx:afterSettle", () => {
  failure.hidden = true;
  opener?.removeAttribute("aria-busy");
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  focusTarget()?.focus();
  announcer.textContent = body.querySelector("[data-announce]")?.dataset.announce ?? "";
});

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  body.addEventListener(name, () => {
    opener?.removeAttribute("aria-busy");
    if (dialog.open) {
      failure.hidden = false;
    } else if (opener) {
      location.assign(opener.href);
    }
  });
}

dialog.addEventListener("close", () => {
  body.replaceChildren();
  failure.hidden = true;
  announcer.textContent = "";
  document.title = titleBefore;
  // A link inside a menu is out of sight once the menu is shut; its button is the place to return to.
  const menu = opener?.closest("details");
  (menu?.querySelector("summary") ?? opener)?.focus();
  opener = null;
});
