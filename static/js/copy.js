// <button data-copy="ID"> copies the value or the text of the element with that id, says "Copied" for two seconds and has it
// announced. The words come from the button: data-copied and data-copy-failed. The style sheet hides the button where there
// is no scripting; the text itself can always be selected.

async function copy(source) {
  const text = source.value ?? source.textContent.trim();
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Over plain HTTP a browser gives no clipboard; what is selected can still be copied.
  if (source.select) {
    source.select();
  } else {
    getSelection().selectAllChildren(source);
  }
  if (!document.execCommand("copy")) throw new Error("the browser refused to copy");
}

function announce(button, words) {
  const announcer = (button.closest("dialog") ?? document).querySelector("[data-announcer]");
  announcer.textContent = "";
  requestAnimationFrame(() => {
    announcer.textContent = words;
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || button.dataset.label) return;
  const label = button.querySelector("[data-copy-label]");
  const source = document.getElementById(button.dataset.copy);
  let words = button.dataset.copied;
  try {
    await copy(source);
  } catch {
    words = button.dataset.copyFailed;
    source.select?.();
  }
  button.dataset.label = label.textContent;
  label.textContent = words;
  announce(button, words);
  setTimeout(() => {
    label.textContent = button.dataset.label;
    delete button.dataset.label;
  }, 2000);
});
