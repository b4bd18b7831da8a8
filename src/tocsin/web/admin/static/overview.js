// Keeps the overview up to date while it is looked at.
"use strict";

const live = document.querySelector("[data-live]");
let source;

const listen = () => {
  if (document.hidden) {
    source?.close();
    source = undefined;
  } else if (!source) {
    source = new EventSource(live.dataset.live);
    source.onmessage = (event) => {
      // Not under the hands of who selects or moves through it.
      if (!live.contains(document.activeElement) && getSelection().isCollapsed) live.innerHTML = event.data;
    };
  }
};

if (live && "EventSource" in window) {
  document.addEventListener("visibilitychange", listen);
  listen();
}
