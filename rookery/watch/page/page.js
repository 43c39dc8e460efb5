"use strict";
// The page: receives the state over server-sent events and shows it. Text from a sender is always written as text,
// never as HTML.

const el = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const say = (id, words) => { if (el(id).textContent !== words) el(id).textContent = words; };
const many = (count, word) => `${number.format(count)} ${word}${count === 1 ? "" : "s"}`;
const share = (part, whole) => (whole ? `${(100 * part / whole).toFixed(part && part / whole < 0.1 ? 1 : 0)} %` : "–");
const ms = (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)} s` : value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`);
const FRESH_S = 8;

let latest = null;
let paused = false;
let changed = 0;
let lost = false;

function make(tag, words, name) {
  const made = document.createElement(tag);
  if (words !== undefined) made.textContent = words;
  if (name) made.className = name;
  return made;
}

function showTiles(state, rows) {
  const { predicted, rejected, out_of_distribution: outliers, duplicates } = state.totals;
  say("predicted", number.format(predicted));
  say("predicted-note", duplicates ? `${number.format(duplicates)} duplicate lines skipped` : "readings with a species");
  say("rejected", number.format(rejected));
  say("rejected-note", rejected ? `${share(rejected, predicted + rejected)} of all` : "each with its reasons");
  say("ood", number.format(outliers));
  say("ood-note", outliers ? `${share(outliers, predicted)} of predicted` : "flagged by the model");
  // The last second is not over yet.
  const ten = rows.slice(-11, -1);
  say("rate", number.format(Math.round(ten.reduce((sum, row) => sum + row[1] + row[2], 0) / ten.length)));
  const timed = rows.filter((row) => row[3] !== null).slice(-10);
  const median = timed.map((row) => row[3]).sort((one, other) => one - other)[timed.length >> 1];
  say("latency", timed.length ? ms(median) : "–");
  say("latency-note", timed.length ? `p50, with p99 ${ms(Math.max(...timed.map((row) => row[4])))}` : "published to predicted");
}

function showBacklog(state) {
  const queued = state.worker && state.worker.queue_rows;
  if (state.broker) {
    say("backlog", number.format(state.broker.backlog + state.broker.outstanding));
    say("backlog-note", "messages at the broker");
  } else if (state.worker) {
    say("backlog", number.format(queued || 0));
    say("backlog-note", "readings in the worker's queue");
  } else {
    say("backlog", "–");
    say("backlog-note", "needs --worker or --broker");
  }
}

function showBills(state) {
  const outliers = state.readings.filter((reading) => reading[3]).length;
  const words = SPECIES.map((name) => `${name} ${number.format(state.species[name])}`).join(", ");
  say("say-bills", state.readings.length
    ? `The newest ${many(state.readings.length, "sampled reading")}${outliers ? `, ${number.format(outliers)} out of distribution` : ""}. In all: ${words}.`
    : `Length against depth of sampled readings (ROOKERY_FEATURE_SAMPLE_ROWS is 0). In all: ${words}.`);
  drawBills(state.readings);
}

function showDrift(state) {
  const measured = state.drift.filter((each) => each.index !== null);
  const drifted = measured.filter((each) => each.drifted).map((each) => plain(each.feature));
  say("say-drift", !measured.length ? "Too few readings (200 are needed)."
    : drifted.length ? `Drifted from the training data: ${drifted.join(", ")}.`
      : `No drift in the latest ${many(Math.max(...measured.map((each) => each.rows)), "reading")}.`);
  el("drift").replaceChildren(...measured.map((each) => {
    const item = make("li", undefined, each.drifted ? "drifted" : each.index > 0.1 ? "notable" : "");
    const unchecked = each.index > 0.25 && !each.drifted ? ", shown only" : "";
    item.append(make("span", plain(each.feature)), make("span", `${each.index.toFixed(3)}${each.drifted ? " drifted" : unchecked}`, "value"));
    const bar = make("span", undefined, "bar");
    bar.setAttribute("aria-hidden", "true");
    const fill = make("i");
    fill.style.width = `${Math.min(100, each.index / 0.5 * 100)}%`;
    bar.append(fill);
    item.append(bar);
    return item;
  }));
}

const plain = (feature) => ({ bill_length_mm: "Bill length", bill_depth_mm: "Bill depth", flipper_length_mm: "Flipper length", body_mass_g: "Body mass", year: "Year", sex: "Sex", island: "Island", species: "Species (predicted)" })[feature] || feature;

function showSeconds(rows) {
  const sum = rows.reduce((total, row) => total + row[1] + row[2], 0);
  const most = Math.max(...rows.map((row) => row[1] + row[2]));
  say("say-rate", sum ? `${many(sum, "reading")} in two minutes, at most ${number.format(most)} in a second.` : "Nothing in these two minutes.");
  drawRates(rows);
  const timed = rows.filter((row) => row[3] !== null);
  say("say-latency", timed.length ? `From publication to prediction; the highest p99 of a second was ${ms(Math.max(...timed.map((row) => row[4])))}.` : "From publication to prediction.");
  drawLatencies(rows);
}

function showBatches(batches) {
  const count = Object.values(batches).reduce((sum, each) => sum + each, 0);
  const words = count === 1 ? "One batch" : `${number.format(count)} batches`;
  say("say-batches", count ? `${words}; the largest held up to ${many(Math.max(...Object.keys(batches).map(Number)), "reading")}.` : "How many readings were predicted together.");
  drawBatches(batches);
}

function showDays(days) {
  const names = Object.keys(days);
  say("say-days", !names.length ? "By the day of observation." : names.length === 1 ? `All on ${names[0]}.` : `${names.length} days, ${names[0]} to ${names[names.length - 1]}.`);
  drawDays(days);
}

function showReasons(state) {
  say("say-reasons", state.reasons.length ? "A reading may have several reasons." : "No reading was rejected.");
  el("reasons").replaceChildren(...state.reasons.map((each) => {
    const item = make("li");
    const words = make("span");
    words.append(make("code", each.field), ` ${each.rule}`);
    item.append(make("b", number.format(each.count)), words);
    return item;
  }));
}

function showModel(state) {
  const worker = state.worker;
  const facts = [["Model", (worker && worker.model) || state.model || "–"]];
  if (worker) {
    say("say-model", worker.degraded ? "Degraded: the last known good model is loaded, not the configured one." : worker.ready ? "Ready." : "Not ready: messages are refused.");
    if (worker.model_loaded_at) facts.push(["Loaded at", new Date(worker.model_loaded_at * 1000).toLocaleString()]);
    for (const [phase, label] of [["queue_time", "Queue time, mean"], ["inference", "Inference, mean"], ["sink_write", "Sink write, mean"], ["request_duration", "Request latency, mean"]]) {
      if (phase in worker.mean_seconds) facts.push([label, ms(worker.mean_seconds[phase] * 1000)]);
    }
    const retries = Object.entries(worker.retries);
    facts.push(["Nacked for retry", retries.length ? retries.map(([cause, count]) => `${cause} ${number.format(count)}`).join(", ") : "none"]);
    facts.push(["Duplicates", number.format(worker.duplicates)]);
    if (worker.memory_bytes) facts.push(["Memory", `${Math.round(worker.memory_bytes / 1048576)} MB`]);
  } else {
    say("say-model", "From the newest prediction. --worker URL adds health, latency by phase, and the queue.");
  }
  el("facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
}

function showRejections(state) {
  const shown = state.rejections;
  say("say-rejections", shown.length ? "The original holds the payload, byte for byte." : "None so far.");
  // The rows stay while they are unchanged, so that a reader keeps the focus and the selection.
  const known = shown.map((each) => each.number).join();
  const body = el("rejections");
  if (body.dataset.known === known) return;
  const focused = document.activeElement && document.activeElement.dataset.number;
  body.dataset.known = known;
  body.replaceChildren(...shown.map((each) => {
    const row = make("tr");
    const identity = make("td");
    identity.append(make("code", each.reading_id));
    if (each.row !== null) identity.append(make("span", ` row ${each.row}`, "mild"));
    if (each.device_id) identity.append(make("span", ` ${each.device_id}`, "mild"));
    const reasons = make("td");
    for (const reason of each.reasons) {
      const line = make("p");
      line.append(make("code", reason.field), ` ${reason.rule}`);
      if (reason.value) line.append(make("span", ` (${reason.value})`, "mild"));
      reasons.append(line);
    }
    if (each.more) reasons.append(make("p", `and ${many(each.more, "reason")} more`, "mild"));
    const original = make("td");
    const link = make("a", "bytes");
    link.href = `rejections/${each.number}`;
    link.dataset.number = each.number;
    link.setAttribute("aria-label", `Original bytes of ${each.reading_id}`);
    original.append(link);
    row.append(make("td", new Date(each.at * 1000).toLocaleTimeString()), identity, reasons, original);
    return row;
  }));
  if (focused) document.querySelector(`[data-number="${focused}"]`)?.focus();
}

function showStatus() {
  const age = latest && latest.latest ? Date.now() / 1000 - latest.latest : Infinity;
  const [state, words] = lost ? ["lost", "Connection lost, reconnecting"]
    : paused ? ["wait", "Paused"]
      : !latest ? ["wait", "Connecting"]
        : age === Infinity ? ["wait", "No data yet"]
          : age < FRESH_S ? ["live", "Live"] : ["idle", `Idle since ${new Date(latest.latest * 1000).toLocaleTimeString()}`];
  el("status").dataset.state = state;
  say("status-words", words);
}

function show() {
  if (!latest) return;
  const state = latest;
  const now = Math.trunc(Date.now() / 1000);
  const end = state.latest && now - state.latest > WINDOW_S / 2 ? Math.ceil(state.latest) + 1 : now;
  const rows = lastSeconds(state.seconds, end);
  say("source", state.source);
  el("error").hidden = !state.error;
  say("error", state.error || "");
  showTiles(state, rows);
  showBacklog(state);
  showBills(state);
  showDrift(state);
  showSeconds(rows);
  showBatches(state.batches);
  showDays(state.days);
  showReasons(state);
  showModel(state);
  showRejections(state);
  document.body.dataset.shown = String((changed += 1));
}

const events = new EventSource("events");
events.onmessage = (event) => {
  lost = false;
  latest = JSON.parse(event.data);
  if (!paused) show();
  showStatus();
};
events.onerror = () => { lost = true; showStatus(); };
events.onopen = () => { lost = false; showStatus(); };
setInterval(showStatus, 2000);

el("pause").addEventListener("click", () => {
  paused = !paused;
  el("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) show();
  showStatus();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
