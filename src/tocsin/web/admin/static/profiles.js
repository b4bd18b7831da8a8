// Shows of the search by a value only what the chosen mode looks at. Without scripts all of it is there.
"use strict";

const mode = document.querySelector("[data-modes]");
const names = ["email", "phone", "profile_id", "provider", "subscription_id", "field_name", "field_value", "resource_id"];

const showMembers = () => {
  const members = mode.selectedOptions[0].dataset.members.split(" ");
  for (const name of names) {
    const input = document.getElementById(name);
    const isWanted = members.includes(name);
    input.closest(".field").hidden = !isWanted;
    input.disabled = !isWanted;
  }
};

if (mode) {
  mode.addEventListener("change", showMembers);
  showMembers();
}
