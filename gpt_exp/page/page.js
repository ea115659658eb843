"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");

// Figures: each `.plot` draws the JSON beside it; the library is loaded once there is something to draw.
function draw() {
  const plots = [...document.querySelectorAll(".plot")];
  if (!plots.length) return;
  if (!window.Plotly) return loadPlotly();
  const style = getComputedStyle(document.body), color = name => style.getPropertyValue(name).trim();
  for (const plot of plots) {
    const json = plot.nextElementSibling.textContent, look = json + dark.matches;
    if (plot.look === look) continue;
    plot.look = look;
    const {data, layout} = JSON.parse(json);
    if (layout.height) plot.style.height = layout.height + "px";
    else if (layout.showlegend && layout.legend?.orientation === "h" && plot.clientWidth < 520) // A name a row.
      plot.style.height = 250 + 20 * data.filter(trace => trace.showlegend !== false).length + "px";
    Object.assign(layout, {
      font: {family: style.fontFamily, size: 12, color: color("--soft")},
      hoverlabel: {bgcolor: color("--card"), namelength: -1, ...layout.hoverlabel},
      uirevision: true, // Zoom and hidden curves outlive a refresh.
    });
    Plotly.react(plot, data, layout, {responsive: true, displayModeBar: false});
  }
}
function loadPlotly() {
  if (document.getElementById("plotly")) return;
  document.head.append(Object.assign(document.createElement("script"),
    {id: "plotly", src: document.body.dataset.plotly, onload: draw}));
}

// Tables: sorted by a click on a heading, filtered by the words in their field.
const orders = new Map(); // By table: [heading, direction].
function headingsOf(table) { // Those of equal texts are numbered.
  const seen = {};
  return [...table.tHead.rows[0].cells].map(({textContent}) => {
    const text = textContent.trim(), number = seen[text] = (seen[text] ?? 0) + 1;
    return `${text} ${number}`;
  });
}
const valueOf = cell => cell?.dataset.value ?? cell?.textContent.trim() ?? "";
function compare(a, b) {
  if (a === "" || b === "") return 0;
  return isNaN(a) || isNaN(b) ? a.localeCompare(b, undefined, {numeric: true}) : a - b;
}
function arrange(root) {
  for (const table of root.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], rows = [...body.rows];
    if (orders.has(table.id)) {
      const [heading, direction] = orders.get(table.id), sign = direction === "ascending" ? 1 : -1;
      const column = headingsOf(table).indexOf(heading);
      const values = new Map(rows.map(row => [row, valueOf(row.cells[column])]));
      const isEmpty = row => values.get(row) === "" || values.get(row) === "nan";
      rows.sort((a, b) => isEmpty(a) - isEmpty(b) || sign * compare(values.get(a), values.get(b)));
      body.append(...rows);
      [...table.tHead.rows[0].cells].forEach((head, i) =>
        i === column ? head.setAttribute("aria-sort", direction) : head.removeAttribute("aria-sort"));
    }
    const field = document.querySelector(`[data-filters="${CSS.escape(table.id)}"]`);
    const words = field ? field.value.toLowerCase().split(/\s+/) : [];
    for (const row of rows) row.hidden = !words.every(word => holds(row, word));
  }
}
const holds = (row, word) => word.startsWith("state:") // The state itself, of whatever is called by such a word.
  ? row.querySelector(".state")?.className.startsWith(`state ${word.slice(6)}`)
  : row.textContent.toLowerCase().includes(word);
document.addEventListener("click", event => {
  const head = event.target.closest(".sortable th");
  if (!head || !event.target.closest("button")) return;
  const turned = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const table = head.closest("table");
  orders.set(table.id, [headingsOf(table)[head.cellIndex], turned]);
  arrange(document);
});
document.addEventListener("input", event => event.target.matches("[data-filters]") && arrange(document));

// Live pages: the same address again; only what has changed is touched, so that scroll position, focus,
// open details, fields, ticks and zoom stay by themselves.
const keyOf = node => node.id || node.dataset?.key;
function update(old, fresh) {
  if (old.nodeName !== fresh.nodeName || keyOf(old) !== keyOf(fresh)) { old.before(fresh); return drop(old); }
  if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
  if (old.matches(".plot")) return; // Plotly's.
  const kept = name => name === "open" && old.matches("details");
  for (const {name} of [...old.attributes]) if (!fresh.hasAttribute(name) && !kept(name)) old.removeAttribute(name);
  for (const {name, value} of fresh.attributes)
    if (old.getAttribute(name) !== value && !kept(name)) old.setAttribute(name, value);
  updateChildren(old, fresh);
}
function drop(node) {
  node.querySelectorAll?.(".plot").forEach(plot => window.Plotly?.purge(plot)); // It listens to the window.
  node.remove();
}
function updateChildren(old, fresh) {
  const keyed = new Map([...old.children].filter(keyOf).map(child => [keyOf(child), child]));
  const wanted = new Set([...fresh.children].map(keyOf));
  for (const [key, child] of keyed) if (!wanted.has(key)) drop(child);
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const match = keyOf(next) ? keyed.get(keyOf(next)) : at && !keyOf(at) ? at : null;
    if (!match) { old.insertBefore(next, at); continue; }
    if (match === at) at = at.nextSibling; else old.insertBefore(match, at);
    update(match, next);
  }
  while (at) { const rest = at.nextSibling; drop(at); at = rest; }
}
const PATIENCE = 3, SLOWLY = 6; // Failures until it is told, and how much more rarely one asks from then on.
let last = "", failures = 0;
async function load() {
  const here = location.href, answer = await fetch(here), text = await answer.text();
  if (location.href !== here) return; // The reader has chosen something else meanwhile.
  if (!answer.ok) throw new Error(`The server answers with ${answer.status}`);
  show(text);
}
async function refresh() {
  if (!document.body.dataset.live) return;
  if (!document.hidden) await load().then(() => failures = 0, error => { failures++; tell(error); });
  document.querySelector(".gone").hidden = failures < PATIENCE;
  setTimeout(refresh, 1000 * document.body.dataset.live * (failures < PATIENCE ? 1 : SLOWLY));
}
function tell(error) {
  const what = error instanceof TypeError ? "The server does not answer" : error.message;
  document.querySelector(".gone").textContent = `${what}: this page stands still, and asks again now and then.`;
}
function show(text) {
  if (text === last) return;
  last = text;
  const page = new DOMParser().parseFromString(text, "text/html"), main = page.querySelector("main");
  arrange(page);
  document.title = page.title;
  document.body.dataset.live = page.body.dataset.live ?? "";
  update(document.querySelector("main"), main);
  draw();
}

draw();
dark.addEventListener("change", draw);
if (document.body.dataset.live) setTimeout(refresh, 1000 * document.body.dataset.live);
