"use strict";
// Chosen runs stand in the address: a refresh, a bookmark and another window keep them.
const chosenRuns = () => new URLSearchParams(location.search).getAll("run");
function tick() {
  const chosen = new Set(chosenRuns());
  for (const box of document.querySelectorAll("#runs input[name=run]")) box.checked = chosen.has(box.value);
}
async function choose(ids) {
  const query = new URLSearchParams(ids.map(id => ["run", id]));
  history.replaceState(null, "", ids.length ? `?${query}` : location.pathname);
  tick();
  await load().catch(() => {}); // A refresh will tell.
}
document.addEventListener("change", ({target}) => {
  if (target.name !== "run") return;
  const others = chosenRuns().filter(id => id !== target.value);
  choose(target.checked ? [...others, target.value] : others);
});
document.addEventListener("click", ({target}) => {
  const button = target.closest("[data-choose], [data-words]");
  if (!button) return;
  if (button.dataset.choose) {
    const shown = [...document.querySelectorAll("#runs tbody tr:not([hidden])")].map(row => row.dataset.key);
    return choose(button.dataset.choose === "none" ? [] : shown.slice(0, Number(button.dataset.most)));
  }
  const field = document.querySelector("[data-filters=runs]"), words = button.dataset.words;
  field.value = field.value === words ? "" : words;
  field.dispatchEvent(new Event("input", {bubbles: true}));
});
tick();
