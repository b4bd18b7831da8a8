// The editor of templates: tabs, line numbers, a preview that follows what is written. Without it the sections stand
// under one another, and the button shows the preview.
"use strict";

const form = document.querySelector("form.editor");
const panels = [...form.querySelectorAll("[data-tab]")];

// Tabs
const list = document.createElement("div");
list.className = "tabs";
list.setAttribute("role", "tablist");
list.setAttribute("aria-label", form.dataset.tabs);
const tabs = panels.map((panel, place) => {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.textContent = panel.dataset.tab;
  tab.id = `tab-${place}`;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panel.id = `panel-${place}`);
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", tab.id);
  panel.querySelector("h2").hidden = true;
  tab.addEventListener("click", () => choose(place));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) choose((place + step + panels.length) % panels.length).focus();
  });
  list.append(tab);
  return tab;
});
panels[0].before(list);
const choose = (chosen) => {
  panels.forEach((panel, place) => {
    panel.hidden = place !== chosen;
    tabs[place].setAttribute("aria-selected", String(place === chosen));
    tabs[place].tabIndex = place === chosen ? 0 : -1;
  });
  const shown = form.querySelector("iframe.preview").contentWindow;
  const part = shown?.document.getElementById(`shown-${panels[chosen].dataset.channel}`);
  if (part) shown.scrollTo(0, part.offsetTop - 8);
  return tabs[chosen];
};
const isWritten = (panel) => [...panel.querySelectorAll("textarea")].some((area) => area.value);
const wrong = panels.findIndex((panel) => panel.querySelector(".mistake"));
choose(Math.max(wrong >= 0 ? wrong : panels.findIndex(isWritten), 0));

// Line numbers
const gutters = new Map();
for (const area of form.querySelectorAll(".write textarea.code")) {
  const gutter = document.createElement("div");
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  const box = document.createElement("div");
  box.className = "numbered";
  area.before(box);
  box.append(gutter, area);
  area.wrap = "off";
  const number = () => {
    const lines = area.value.split("\n").length;
    while (gutter.childElementCount > lines) gutter.lastChild.remove();
    while (gutter.childElementCount < lines) {
      const line = document.createElement("span");
      line.textContent = gutter.childElementCount + 1;
      gutter.append(line);
    }
  };
  area.addEventListener("input", number);
  area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
  new ResizeObserver(() => { gutter.style.height = `${area.offsetHeight}px`; }).observe(area);
  gutters.set(area.name, gutter);
  number();
}

// Mistakes at their fields, and the line that they are about
const goTo = (area, line, column) => {
  const before = area.value.split("\n").slice(0, line - 1).join("\n");
  const place = before.length + (line > 1 ? 1 : 0) + column - 1;
  area.focus();
  area.setSelectionRange(place, place + 1);
};
const mark = (field, sentence) => {
  const said = /line (\d+)(?:, column (\d+))?/.exec(sentence);
  const gutter = gutters.get(field.name);
  if (!said || field.tagName !== "TEXTAREA") return null;
  gutter?.children[said[1] - 1]?.classList.add("wrong");
  return () => goTo(field, Number(said[1]), Number(said[2] ?? 1));
};
const showMistakes = (mistakes) => {
  form.querySelectorAll(".gutter .wrong").forEach((line) => line.classList.remove("wrong"));
  form.querySelectorAll(".mistake").forEach((one) => one.remove());
  form.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
  for (const [path, sentence] of mistakes) {
    const field = path && form.elements[path];
    if (!field) continue;
    const said = document.createElement("p");
    said.className = "mistake";
    said.id = `${path}-mistake`;
    said.textContent = sentence;
    field.setAttribute("aria-invalid", "true");
    field.closest(".field").append(said);
    const go = mark(field, sentence);
    if (go) said.addEventListener("click", go);
  }
  panels.forEach((panel, place) => tabs[place].classList.toggle("wrong", Boolean(panel.querySelector(".mistake"))));
};
for (const said of form.querySelectorAll(".mistake")) {
  const field = form.elements[said.id.replace(/-mistake$/, "")];
  const go = field && mark(field, said.textContent);
  if (go) said.addEventListener("click", go);
}

// The preview: each is sent into a new frame, which takes the place of the last one once it is there. The first page of
// a frame is no step back in the history of the browser.
const button = form.querySelector("[data-preview]");
const glass = form.querySelector(".glass");
let coming = null;
let timer = 0;
let number = 0;
const preview = () => {
  coming?.remove();
  const frame = document.createElement("iframe");
  frame.className = "preview coming";
  frame.name = `preview-${number += 1}`;
  frame.title = glass.firstElementChild.title;
  frame.addEventListener("load", () => {
    const page = frame.contentDocument;
    if (!page || page.URL === "about:blank" || frame !== coming) return;
    const at = glass.firstElementChild.contentWindow?.scrollY ?? 0;
    for (const old of [...glass.children]) if (old !== frame) old.remove();
    frame.classList.remove("coming");
    frame.contentWindow.scrollTo(0, at);
    coming = null;
    const found = [...page.querySelectorAll("#mistakes li")].map((one) => [one.dataset.path, one.dataset.said]);
    if (page.querySelector(".previewed")) showMistakes(found);
  });
  glass.append(frame);
  coming = frame;
  button.formTarget = frame.name;
  form.requestSubmit(button);
};
form.addEventListener("input", (event) => {
  if (event.target.name.startsWith("test.")) return;
  clearTimeout(timer);
  timer = setTimeout(preview, 400);
});
button.addEventListener("click", (event) => {
  if (event.isTrusted) {
    event.preventDefault();
    preview();
  }
});
if (!form.querySelector(".mistake")) preview();
