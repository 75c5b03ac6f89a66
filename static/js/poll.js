// An element with data-poll asks for itself again by htmx (hx-get, hx-trigger="every …", hx-select="#its-id"). This script keeps
// that quiet: an answer that says nothing new is not swapped in, so that neither the focus nor a screen reader is disturbed, and
// an answer without the element (the sign-in page, say) changes nothing.

function words(element) {
  const copy = element.cloneNode(true);
  // "3 seconds ago" is not news.
  copy.querySelectorAll("time").forEach((time) => time.replaceWith(time.dateTime));
  return copy.textContent.replace(/\s+/g, " ").trim();
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const current = event.detail.target;
  if (!current.matches?.("[data-poll]") || !event.detail.shouldSwap) return;
  const answer = new DOMParser().parseFromString(event.detail.serverResponse, "text/html").getElementById(current.id);
  if (!answer || words(answer) === words(current)) event.detail.shouldSwap = false;
});

// A page in the background need not ask.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.matches?.("[data-poll]") && document.hidden) event.preventDefault();
});
