"use strict";
// The map of the features, and the tables as files. Nothing is fetched: all data is in
// the page. `#example=7` in the address shows the seventh dot's image at once.
const root = document.documentElement;

const content = JSON.parse(document.getElementById("content").textContent);

function parseCsv(text) {
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const row = rows[rows.length - 1];
    const c = text[i];
    if (quoted) {
      if (c !== '"') row[row.length - 1] += c;
      else if (text[i + 1] === '"') { row[row.length - 1] += '"'; i++; }
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") row.push("");
    else if (c === "\n") rows.push([""]);
    else if (c !== "\r") row[row.length - 1] += c;
  }
  if (rows[rows.length - 1].join("") === "") rows.pop();
  const header = rows.shift();
  return { header, rows, column: (name) => rows.map((r) => r[header.indexOf(name)]) };
}

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "click") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function linkTables() {
  for (const button of document.querySelectorAll("button.csv")) {
    const name = button.dataset.table;
    // The file is made when it is asked for: tables can be large.
    button.addEventListener("click", () => {
      const file = new Blob([content.tables[name]], { type: "text/csv" });
      const address = URL.createObjectURL(file);
      element("a", { href: address, download: `${name}.csv` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    });
  }
}

function drawMap(place) {
  const encoders = { embedding: "Trained encoder",
    embedding_random_init: "Random weights" };
  const projections = { pca: "PCA", tsne: "t-SNE", umap: "UMAP" };
  const data = {};
  for (const name of Object.keys(encoders)) {
    if (content.tables[name]) data[name] = parseCsv(content.tables[name]);
  }
  const { header, rows } = data.embedding;
  const what = header[0].replaceAll("_", " ");
  const classes = data.embedding.column("class");
  const has = (name, key) => data[name].header.includes(`${key}_x`);
  const state = { encoder: "embedding", single: null,
    projection: ["umap", "tsne", "pca"].find((key) => has("embedding", key)) };

  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("role", "application");
  svg.setAttribute("tabindex", "0");
  const dots = rows.map((row, i) => {
    const dot = document.createElementNS(svg.namespaceURI, "circle");
    dot.style.fill = content.colors[classes[i]] || "var(--fill)";
    svg.append(dot);
    return dot;
  });
  const radius = Math.min(5, Math.max(2.4, 60 / Math.sqrt(rows.length)));
  dots.forEach((dot) => dot.setAttribute("r", radius));
  let spots = [];

  function buttons(choices, key) {
    const group = element("div", { class: "buttons", role: "group",
      "aria-label": key });
    for (const [value, text] of Object.entries(choices)) {
      group.append(element("button", { "data-value": value, type: "button",
        click: () => {
          svg.classList.add("moving");  // Not before: the first map stands at once.
          state[key] = value;
          update();
        } }, text));
    }
    return group;
  }
  const known = Object.fromEntries(
    Object.entries(projections).filter(([key]) => has("embedding", key)));
  const which = Object.fromEntries(
    Object.entries(encoders).filter(([name]) => data[name]));
  const byProjection = buttons(known, "projection");
  const byEncoder = buttons(which, "encoder");

  const legend = element("ul", { class: "legend" });
  for (const [name, color] of Object.entries(content.colors)) {
    if (!classes.includes(name)) continue;
    const mark = element("i", { style: `background:${color}` });
    const button = element("button", { type: "button", "data-value": name,
      click: () => { state.single = state.single === name ? null : name; update(); } },
    mark, name);
    legend.append(element("li", null, button));
  }
  const tip = element("div", { class: "tip", role: "status", hidden: "" });
  place.replaceChildren(byProjection, byEncoder, svg, legend, tip);

  function layout() {
    const width = Math.max(svg.clientWidth, 200);
    const height = Math.min(0.75 * width, 560);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const table = data[state.encoder];
    const xs = table.column(`${state.projection}_x`).map(Number);
    const ys = table.column(`${state.projection}_y`).map(Number);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [low, high] = [Math.min(...ys), Math.max(...ys)];
    const margin = 10;
    // One scale for both axes: distances keep their proportions.
    const scale = Math.min((width - 2 * margin) / (right - left || 1),
      (height - 2 * margin) / (high - low || 1));
    spots = xs.map((x, i) => [width / 2 + scale * (x - (left + right) / 2),
      height / 2 - scale * (ys[i] - (low + high) / 2)]);
    dots.forEach((dot, i) => {
      dot.setAttribute("cx", spots[i][0].toFixed(1));
      dot.setAttribute("cy", spots[i][1].toFixed(1));
    });
  }

  function update() {
    // A map of the untrained encoder may lack a projection.
    if (!has(state.encoder, state.projection)) {
      state.projection = Object.keys(known).findLast((key) => has(state.encoder, key));
    }
    for (const button of place.querySelectorAll("button")) {
      const value = button.dataset.value;
      const on = [state.projection, state.encoder].includes(value) ||
        (legend.contains(button) && value === state.single);
      button.setAttribute("aria-pressed", String(on));
    }
    for (const button of byProjection.children) {
      button.disabled = !has(state.encoder, button.dataset.value);
    }
    dots.forEach((dot, i) => dot.classList.toggle(
      "dim", state.single !== null && classes[i] !== state.single));
    svg.setAttribute("aria-label",
      `${projections[state.projection]} map of ${rows.length} examples; ` +
      "the arrow keys move from one to the next, Escape ends");
    layout();
    hide();
  }

  let chosen = -1;
  function show(i) {
    hide();
    chosen = i;
    dots[i].classList.add("chosen");
    svg.append(dots[i]);  // Above the others.
    const text = `${what} ${rows[i][0]}`;
    const parts = [];
    const sheet = content.sprites.thumbnails;
    if (sheet) {
      const x = (100 * (i % sheet.columns)) / Math.max(1, sheet.columns - 1);
      const y = (100 * Math.floor(i / sheet.columns)) / Math.max(1, sheet.rows - 1);
      parts.push(element("i", { class: "tile sheet-thumbnails",
        style: `background-position:${x}% ${y}%` }));
    }
    parts.push(element("div", null, text));
    if (classes[i]) parts.push(element("b", null, classes[i]));
    tip.replaceChildren(...parts);
    tip.hidden = false;
    // Beside the dot, on the side with more room, and never outside the page.
    const box = place.getBoundingClientRect();
    const area = svg.getBoundingClientRect();
    const x = area.left - box.left + spots[i][0];
    const y = area.top - box.top + spots[i][1];
    const side = x > box.width / 2 ? x - tip.offsetWidth - 12 : x + 12;
    tip.style.left = `${Math.min(Math.max(side, 4), box.width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.max(4, Math.min(y - 30, box.height - tip.offsetHeight))}px`;
  }
  function hide() {
    if (chosen >= 0) dots[chosen].classList.remove("chosen");
    chosen = -1;
    tip.hidden = true;
  }
  function nearest(cost, least) {
    let best = -1;
    spots.forEach((spot, i) => {
      if (state.single !== null && classes[i] !== state.single) return;
      const value = cost(spot, i);
      if (value < least) { least = value; best = i; }
    });
    return best;
  }
  function point(event) {
    const area = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - area.left, event.clientY - area.top];
    const best = nearest(([a, b]) => (a - x) ** 2 + (b - y) ** 2, 16 * 16);
    if (best < 0) hide(); else show(best);
  }
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
    ArrowDown: [0, 1] };
  function walk(event) {
    if (event.key === "Escape") hide();
    if (!(event.key in ways)) return;
    event.preventDefault();
    const [dx, dy] = ways[event.key];
    const [x, y] = chosen < 0 ? [svg.clientWidth / 2, svg.clientHeight / 2]
      : spots[chosen];
    // The next dot that way: what lies aside of the way counts three times.
    const best = nearest(([a, b], i) => {
      if (chosen < 0) return Math.hypot(a - x, b - y);
      const along = dx * (a - x) + dy * (b - y);
      const aside = Math.abs(dy * (a - x) + dx * (b - y));
      return i === chosen || along <= 0 || aside > along ? Infinity : along + 3 * aside;
    }, Infinity);
    if (best >= 0) show(best);
  }
  svg.addEventListener("keydown", walk);
  svg.addEventListener("blur", hide);
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointerleave", hide);
  update();
  let drawn = svg.clientWidth;
  new ResizeObserver(() => {
    if (svg.clientWidth !== drawn) { drawn = svg.clientWidth; layout(); hide(); }
  }).observe(place);

  const asked = /[#&]example=(\d+)/.exec(location.hash);
  if (asked && Number(asked[1]) < rows.length) show(Number(asked[1]));
}

linkTables();
const place = document.getElementById("map");
if (place) drawMap(place);
root.dataset.ready = "yes";
