"use strict";
// The legends of the charts, as lists that wrap and that a screen reader reads.

// Plotly's symbols as paths in a square of sixteen.
const SHAPES = {
  circle: "M8 2.6a5.4 5.4 0 1 0 .01 0z", diamond: "M8 1.6L14.4 8 8 14.4 1.6 8z", square: "M3 3h10v10H3z",
  "triangle-up": "M8 2.4L14.4 13.4H1.6z", pentagon: "M8 2l6.2 4.5-2.4 7.3H4.2L1.8 6.5z",
  star: "M8 1.2l1.8 4.4 4.8.4-3.7 3.1 1.2 4.7L8 11.3l-4.1 2.5 1.2-4.7L1.4 6l4.8-.4z",
  hexagram: "M8 1l2 3.6h4.1L12.1 8l2 3.4H10L8 15l-2-3.6H1.9l2-3.4-2-3.4H6z", cross: "M6 2h4v4h4v4h-4v4H6v-4H2V6h4z",
};
const MOST_LABELS = 12;

function mark(path, style) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("viewBox", "0 0 16 16");
  drawn.setAttribute("aria-hidden", "true");
  shape.setAttribute("d", path);
  Object.assign(shape.style, style);
  drawn.append(shape);
  return drawn;
}

const filled = (shape, name) => mark(SHAPES[shape], { fill: `var(--${name})` });
const stroked = (path, name, dash) => mark(path, { fill: "none", stroke: `var(--${name})`, strokeWidth: 2.4, strokeDasharray: dash || "none" });

function legend(id, entries) {
  el(`legend-${id}`).replaceChildren(...entries.map(([drawn, words]) => {
    const item = make("li");
    item.append(drawn, words);
    return item;
  }));
}

// The colours follow the scheme by themselves: each legend is written once.
function showLegends() {
  const labels = (shapes) => contract.labels.slice(0, MOST_LABELS).map((name, place) => [filled(shapes[place % shapes.length], `label-${place % SYMBOLS.length}`), name]);
  const more = contract.labels.length - MOST_LABELS;
  const others = more > 0 ? [[mark("", {}), `and ${more} more`]] : [];
  legend("scatter", [...labels(SYMBOLS), ...others, [stroked("M3 3l10 10M13 3L3 13", "ink"), "out of distribution"]]);
  legend("days", [...labels(["square"]), ...others]);
  legend("rates", [[filled("square", "label-2"), "predicted"], [filled("square", "alarm"), "rejected"]]);
  legend("latencies", [[stroked("M0 8h16", "label-2"), "p50"], [stroked("M0 8h16", "label-0", "3 2.5"), "p99"]]);
}
