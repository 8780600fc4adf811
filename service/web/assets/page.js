// Keeps a page that somebody leaves open current, without taking away the place, the focus or a selection.
"use strict";
const main = document.querySelector("main[data-refresh]");
if (main) {
  setInterval(async () => {
    if (document.hidden || main.contains(document.activeElement) || String(getSelection())) return;
    try {
      const answer = await fetch(location.href);
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
      main.replaceChildren(...fresh.childNodes);
    } catch {
      // The daemon is being started again; the next round tries.
    }
  }, 1000 * Number(main.dataset.refresh));
}
