// A scenario's page that stays open: its numbers are those of now, and the chosen node is in sight.
"use strict";

const graph = document.querySelector(".graph");
const PAUSE = 4000;

const show = (name, numbers) => {
  for (const one of document.querySelectorAll(`[data-${name}]`)) {
    const number = numbers[one.dataset[name]] ?? (name === "way" ? "0" : "");
    const text = name === "inside" && one.namespaceURI.endsWith("svg") && number === "0" ? "" : number;
    if (one.textContent !== text) one.textContent = text;
    if (name === "inside") one.closest(".node")?.classList.toggle("busy", number !== "0" && number !== "");
  }
};

// The slower the answer, the longer the pause: an open page must not be what keeps the server busy.
const refresh = async () => {
  let pause = PAUSE;
  if (!document.hidden) {
    const begun = performance.now();
    try {
      const response = await fetch(graph.dataset.numbers, { headers: { accept: "application/json" } });
      if (response.redirected || response.status === 404) return;
      if (response.ok) {
        const numbers = await response.json();
        show("inside", numbers.inside);
        show("way", numbers.taken);
        show("total", numbers.totals);
      }
    } catch {
      pause = 5 * PAUSE;
    }
    pause = Math.max(pause, 10 * (performance.now() - begun));
  }
  setTimeout(refresh, pause);
};

if (graph?.dataset.numbers) setTimeout(refresh, PAUSE);

const chosen = graph?.querySelector("[aria-current] .box");
if (chosen) {
  const middle = (start, length, room) => Number(start) + Number(length) / 2 - room / 2;
  graph.scrollTo(
    middle(chosen.getAttribute("x"), chosen.getAttribute("width"), graph.clientWidth),
    middle(chosen.getAttribute("y"), chosen.getAttribute("height"), graph.clientHeight),
  );
}
