// Shows only what concerns the chosen event and channel. What is hidden is sent all the same, and checked.
"use strict";

const form = document.querySelector("form.sheet");
const show = () => {
  const chosen = { events: form.elements.event.value, channels: form.elements.channel.value };
  for (const [name, word] of Object.entries(chosen)) {
    for (const part of form.querySelectorAll(`[data-${name}]`)) {
      const isFilled = [...part.querySelectorAll("input, textarea, select")].some((one) =>
        one.type === "checkbox" ? one.checked : one.tagName !== "SELECT" && one.value);
      part.hidden = !part.dataset[name].split(" ").includes(word) && !isFilled;
    }
  }
  form.querySelector("[data-when]").hidden = chosen.events === "api_call" && !form.querySelector("[data-when] .mistake")
    && !form.querySelector("[data-when]").open;
};
form.addEventListener("change", show);
show();
