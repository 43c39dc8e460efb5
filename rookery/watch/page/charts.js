"use strict";
// The charts: each draws a part of the state with Plotly, in the page's own colours.

const SPECIES = ["Adelie", "Chinstrap", "Gentoo"];
const SYMBOLS = ["circle", "diamond", "square"];
const WINDOW_S = 120;
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false };

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const mobile = () => matchMedia("(max-width: 700px)").matches;

function layout(more) {
  const axis = { gridcolor: colour("faint"), linecolor: colour("line"), zeroline: false, fixedrange: true, ticks: "", automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, hovermode: "closest",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("soft") },
    margin: { l: 44, r: 10, t: 8, b: 30 }, showlegend: false,
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    legend: { orientation: "h", y: 1.03, yanchor: "bottom", x: 0, traceorder: "normal", font: { color: colour("ink"), size: mobile() ? 12 : 13 }, itemwidth: 30, itemclick: false, itemdoubleclick: false },
    ...more,
    xaxis: { ...axis, showgrid: false, ...(more.xaxis || {}) },
    yaxis: { ...axis, ...(more.yaxis || {}) },
  };
}

function draw(id, traces, more) {
  Plotly.react(id, traces, layout(more), CONFIG);
}

// readings: rows of length, depth, species, out of distribution, probability.
function drawBills(readings) {
  const traces = SPECIES.map((name, place) => {
    const own = readings.filter((reading) => reading[2] === place && !reading[3]);
    return {
      type: "scatter", mode: "markers", name, x: own.map((reading) => reading[0]), y: own.map((reading) => reading[1]), customdata: own.map((reading) => reading[4]),
      marker: { color: colour(name.toLowerCase()), symbol: SYMBOLS[place], size: mobile() ? 6 : 7, opacity: 0.62, line: { width: 0 } },
      hovertemplate: `${name}, probability %{customdata:.0%}<br>bill %{x} × %{y} mm<extra></extra>`,
    };
  });
  const outliers = readings.filter((reading) => reading[3]);
  traces.push({
    type: "scatter", mode: "markers", name: "Out of distribution", x: outliers.map((reading) => reading[0]), y: outliers.map((reading) => reading[1]),
    customdata: outliers.map((reading) => SPECIES[reading[2]] || "?"),
    marker: { symbol: "x-thin", size: mobile() ? 6 : 8, color: colour("alarm"), line: { color: colour("alarm"), width: 1.6 } },
    hovertemplate: "out of distribution (predicted %{customdata})<br>bill %{x} × %{y} mm<extra></extra>",
  });
  draw("bills", traces, {
    showlegend: true, margin: { l: 44, r: 10, t: 36, b: 44 },
    xaxis: { title: { text: "bill length, mm", standoff: 8 }, showgrid: true },
    yaxis: { title: { text: mobile() ? "" : "bill depth, mm", standoff: 8 } },
  });
}

// Every second of the window, silent ones too: rows of Date, predicted, rejected, p50, p99.
function lastSeconds(seconds, end) {
  const known = new Map(seconds.map((row) => [row[0], row]));
  const rows = [];
  for (let at = end - WINDOW_S + 1; at <= end; at += 1) {
    const row = known.get(at) || [at, 0, 0, null, null];
    rows.push([new Date(at * 1000), ...row.slice(1)]);
  }
  return rows;
}

const clock = { type: "date", tickformat: "%H:%M:%S", nticks: 4 };

function drawRates(rows) {
  const times = rows.map((row) => row[0]);
  draw("rates", [
    { type: "bar", name: "predicted", x: times, y: rows.map((row) => row[1]), marker: { color: colour("gentoo") }, hovertemplate: "%{y} predicted<extra></extra>" },
    { type: "bar", name: "rejected", x: times, y: rows.map((row) => row[2]), marker: { color: colour("alarm") }, hovertemplate: "%{y} rejected<extra></extra>" },
  ], { barmode: "stack", bargap: 0.12, hovermode: "x", xaxis: clock, yaxis: { rangemode: "tozero", nticks: 5 } });
}

function drawLatencies(rows) {
  const line = (name, place, shade, dash) => ({
    type: "scatter", mode: "lines+markers", name, x: rows.map((row) => row[0]), y: rows.map((row) => row[place]), connectgaps: false,
    line: { color: shade, width: 2, dash, shape: "linear" }, marker: { size: 4, color: shade }, hovertemplate: `${name} %{y} ms<extra></extra>`,
  });
  draw("latencies", [line("p50", 3, colour("gentoo"), "solid"), line("p99", 4, colour("adelie"), "dot")], {
    showlegend: true, hovermode: "x", margin: { l: 44, r: 10, t: 34, b: 30 }, xaxis: { ...clock, range: [rows[0][0], rows[rows.length - 1][0]] },
    yaxis: { rangemode: "tozero", nticks: 5, ticksuffix: " ms" },
  });
}

// batches: upper bound of the size -> how many batches.
function drawBatches(batches) {
  const sizes = Object.keys(batches).map(Number).sort((one, other) => one - other);
  const most = sizes[sizes.length - 1] || 1;
  const bounds = [];
  for (let size = 1; size <= most; size *= 2) bounds.push(size);
  const names = bounds.map((size) => (size <= 2 ? `${size}` : `${size / 2 + 1}–${size}`));
  draw("batches", [{
    type: "bar", x: names, y: bounds.map((size) => batches[size] || 0), marker: { color: colour("chinstrap") },
    hovertemplate: "%{y} batches of %{x} readings<extra></extra>",
  }], { bargap: 0.25, xaxis: { type: "category", tickangle: bounds.length > 6 ? -40 : 0 }, yaxis: { rangemode: "tozero", nticks: 5 } });
}

function drawDays(days) {
  const names = Object.keys(days);
  const words = names.map((day) => new Date(`${day}T12:00`).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "2-digit" }));
  draw("days", SPECIES.map((species) => ({
    type: "bar", name: species, x: words, y: names.map((day) => days[day][species] || 0), marker: { color: colour(species.toLowerCase()) },
    hovertemplate: `%{y} ${species}<extra></extra>`,
  })), {
    barmode: "stack", showlegend: true, bargap: names.length < 4 ? 0.7 : 0.25, hovermode: "x",
    margin: { l: 44, r: 10, t: 34, b: 30 }, xaxis: { type: "category", nticks: 4, tickangle: 0 }, yaxis: { rangemode: "tozero", nticks: 5 },
  });
}
