"use strict";
// The charts: each draws a part of the state with Plotly, in the page's own colours.

const SYMBOLS = ["circle", "diamond", "square", "triangle-up", "pentagon", "star", "hexagram", "cross"];
const LABELS = contract.labels;
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false };

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const shade = (place) => colour(`label-${place % SYMBOLS.length}`);
const mobile = () => matchMedia("(max-width: 700px)").matches;

function layout(more) {
  const axis = { gridcolor: colour("faint"), linecolor: colour("line"), zeroline: false, fixedrange: true, ticks: "", automargin: true, separatethousands: true, exponentformat: "none" };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, hovermode: "closest",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("soft") },
    margin: { l: 44, r: 12, t: 8, b: 44 }, showlegend: false,
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    ...more,
    xaxis: { ...axis, showgrid: false, ...(more.xaxis || {}) },
    yaxis: { ...axis, ...(more.yaxis || {}) },
  };
}

const titled = (words) => ({ title: { text: words, standoff: 8, font: { size: 12 } } });

function draw(id, traces, more) {
  Plotly.react(id, traces, layout(more), CONFIG);
}

// The range of an axis that far values do not squeeze: three quartile distances around the middle half (Tukey's far fences).
function robustRange(values) {
  const ordered = [...values].sort((one, other) => one - other);
  const at = (part) => ordered[Math.round(part * (ordered.length - 1))];
  const [low, high] = [at(0.25), at(0.75)];
  const reach = 3 * (high - low) || ordered[ordered.length - 1] - ordered[0];
  const inside = ordered.filter((value) => value >= low - reach && value <= high + reach);
  const margin = 0.05 * (inside[inside.length - 1] - inside[0]) || 1;
  return [inside[0] - margin, inside[inside.length - 1] + margin];
}

// The ranges that the user chose, for each drawing sets them anew; Plotly reports a double click without any.
let zoom = null;

let followed = false;

function followZoom() {
  if (followed) return;
  followed = true;
  el("scatter").on("plotly_relayout", (change) => {
    const { xaxis, yaxis } = el("scatter").layout;
    zoom = Object.keys(change).some((name) => name.includes("range")) ? [[...xaxis.range], [...yaxis.range]] : null;
    if (!zoom) drawScatter(latest.readings);
  });
}

// readings: rows of x, y, label, out of distribution, probability. Gives the ranges of both axes.
function drawScatter(readings) {
  const traces = [0, 1].flatMap((outlier) => LABELS.map((name, place) => {
    const own = readings.filter((reading) => reading[2] === place && reading[3] === outlier);
    return {
      type: "scatter", mode: "markers", name, x: own.map((reading) => reading[0]), y: own.map((reading) => reading[1]), customdata: own.map((reading) => reading[4]),
      marker: outlier
        ? { color: shade(place), symbol: "x-thin", size: mobile() ? 8 : 10, line: { color: shade(place), width: 2.2 } }
        : { color: shade(place), symbol: SYMBOLS[place % SYMBOLS.length], size: mobile() ? 6 : 7, opacity: 0.62, line: { width: 0 } },
      hovertemplate: `${name}${outlier ? ", out of distribution" : ""}, probability %{customdata:.0%}<br>%{x} × %{y}<extra></extra>`,
    };
  }));
  const ranges = [0, 1].map((place) => robustRange(readings.map((reading) => reading[place])));
  // A finger on a phone scrolls the page.
  const fixedrange = mobile();
  const [across, up] = zoom || ranges;
  draw("scatter", traces, {
    dragmode: fixedrange ? false : "zoom",
    xaxis: { ...titled(contract.x), showgrid: true, range: across, fixedrange },
    yaxis: { ...titled(contract.y), range: up, fixedrange },
  });
  followZoom();
  return ranges;
}

// Every second of the window, silent ones too: rows of time (UTC), predicted, rejected, p50, p99.
function secondsOf(state) {
  const known = new Map(state.seconds.map((row) => [row[0], row]));
  const rows = [];
  for (let at = state.window.from; at < state.window.to; at += 1) {
    const row = known.get(at) || [at, 0, 0, null, null];
    rows.push([new Date(at * 1000).toISOString().slice(0, 19), ...row.slice(1)]);
  }
  return rows;
}

// A second more at both ends: a bar stands around its second.
const beyond = (row, seconds) => new Date(Date.parse(`${row[0]}Z`) + 1000 * seconds).toISOString().slice(0, 19);
// From the first result on, half a minute at least: what began a moment ago is not squeezed to the edge.
function clockAxis(rows) {
  const first = rows.findIndex((row) => row[1] + row[2]);
  const start = Math.max(0, Math.min(first, rows.length - 30));
  const every = (rows.length - start > 75 ? 30 : rows.length - start > 45 ? 20 : 10) * (mobile() ? 2 : 1);
  return { ...titled("time, UTC"), type: "date", tickformat: "%H:%M:%S", dtick: 1000 * every, range: [beyond(rows[start], -1), beyond(rows[rows.length - 1], 1)] };
}

function drawRates(rows) {
  const times = rows.map((row) => row[0]);
  draw("rates", [
    { type: "bar", name: "predicted", x: times, y: rows.map((row) => row[1]), marker: { color: colour("label-2") }, hovertemplate: "%{y} predicted<extra></extra>" },
    { type: "bar", name: "rejected", x: times, y: rows.map((row) => row[2]), marker: { color: colour("alarm") }, hovertemplate: "%{y} rejected<extra></extra>" },
  ], {
    barmode: "stack", bargap: 0.12, hovermode: "x",
    xaxis: clockAxis(rows), yaxis: { ...titled("readings/s"), rangemode: "tozero", nticks: 5 },
  });
}

function drawLatencies(rows) {
  const line = (name, place, shade, dash) => ({
    type: "scatter", mode: "lines+markers", name, x: rows.map((row) => row[0]), y: rows.map((row) => row[place]), connectgaps: false,
    line: { color: shade, width: 2, dash, shape: "linear" }, marker: { size: 4, color: shade }, hovertemplate: `${name} %{y} ms<extra></extra>`,
  });
  draw("latencies", [line("p50", 3, colour("label-2"), "solid"), line("p99", 4, colour("label-0"), "dot")], {
    hovermode: "x",
    xaxis: clockAxis(rows), yaxis: { ...titled("latency, ms"), rangemode: "tozero", nticks: 5 },
  });
}

// batches: upper bound of the size -> how many batches. Gives rows of sizes in words and their count.
function drawBatches(batches) {
  const most = Math.max(1, ...Object.keys(batches).map(Number));
  const bounds = [];
  for (let size = 1; size <= most; size *= 2) bounds.push(size);
  const rows = bounds.map((size) => [size <= 2 ? `${size}` : `${size / 2 + 1}–${size}`, batches[size] || 0]);
  draw("batches", [{
    type: "bar", x: bounds.map(String), y: rows.map((row) => row[1]), customdata: rows.map((row) => row[0]), marker: { color: colour("label-1") },
    hovertemplate: "%{y} batches of %{customdata} readings<extra></extra>",
  }], {
    bargap: 0.25, xaxis: { ...titled("readings in a batch, up to"), type: "category", tickangle: 0 },
    yaxis: { ...titled("batches"), rangemode: "tozero", nticks: 5 },
  });
  return rows;
}

function drawDays(days) {
  const names = Object.keys(days);
  const year = names.length && names[0].slice(0, 4) !== names[names.length - 1].slice(0, 4) ? { year: "2-digit" } : {};
  const words = names.map((day) => new Date(`${day}T12:00Z`).toLocaleDateString("en-GB", { timeZone: "UTC", day: "numeric", month: "short", ...year }));
  draw("days", LABELS.map((label, place) => ({
    type: "bar", name: label, x: words, y: names.map((day) => days[day][label] || 0), marker: { color: shade(place) },
    hovertemplate: `%{y} ${label}<extra></extra>`,
  })), {
    barmode: "stack", bargap: names.length < 4 ? 0.7 : 0.25, hovermode: "x",
    xaxis: { ...titled("day, UTC"), type: "category", nticks: mobile() ? 3 : 4, tickangle: 0 }, yaxis: { ...titled("readings"), rangemode: "tozero", nticks: 5 },
  });
}
