// Keeps a page that somebody leaves open current, without taking away the place, the focus or a selection.
"use strict";
const main = document.querySelector("main[data-refresh]");
if (main) {
  const stale = document.getElementById("stale");
  let current = new Date();
  const say = (words) => { if (stale.textContent !== words) stale.textContent = words; };
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(8000) });
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
      say("");
      if (main.contains(document.activeElement) || String(getSelection())) return;
      main.replaceChildren(...fresh.childNodes);
      current = new Date();
    } catch {
      // Said, so that nobody takes an old "All is well" for the present; the next round tries again.
      say(`The daemon does not answer. This page has not been brought up to date since ${current.toLocaleTimeString()}.`);
    }
  }, 1000 * Number(main.dataset.refresh));
}
