// A <details data-menu> that behaves as a menu: arrows, Home and End move, Esc and a click elsewhere close it and give the
// focus back to its button, and only one is open at a time. Without this script it is a plain disclosure.

const ITEMS = "a[href], button:not([disabled])";

function items(menu) {
  return [...menu.querySelectorAll(`:scope > :not(summary) :is(${ITEMS})`)];
}

function close(menu, returnFocus) {
  menu.open = false;
  if (returnFocus) menu.querySelector("summary").focus();
}

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu]");
  if (!menu) return;
  if (event.key === "Escape" && menu.open) {
    event.preventDefault();
    close(menu, true);
    return;
  }
  const entries = items(menu);
  const at = entries.indexOf(document.activeElement);
  const next = {
    ArrowDown: (at + 1) % entries.length,
    ArrowUp: at <= 0 ? entries.length - 1 : at - 1,
    Home: 0,
    End: entries.length - 1,
  }[event.key];
  if (next === undefined || (!menu.open && !event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  menu.open = true;
  entries[next].focus();
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target) || event.target.closest("a, button")) close(menu, false);
  }
});

document.addEventListener("focusout", (event) => {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) close(menu, false);
});
