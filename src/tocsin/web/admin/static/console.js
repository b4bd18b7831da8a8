// What every page does where scripts run. Without them all pages can be read and all forms sent.
"use strict";

const remember = (name, value) => {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax${secure}`;
};

// The server tells times in the zone of the browser from the next page on.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) remember("tocsin_zone", zone);

for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    remember("tocsin_theme", root.dataset.theme);
  });
}

// A form or button with data-confirm asks before it sends.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

// A choice with data-autosubmit sends its form when it changes.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
});

// A click on data-copy selects it all, ready to be copied.
document.addEventListener("click", (event) => {
  const copied = event.target.closest?.("[data-copy]");
  if (copied) getSelection().selectAllChildren(copied);
});

// The menu of small screens closes when one looks elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
