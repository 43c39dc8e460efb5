"use strict";
// The page: takes what the server tells over server-sent events and puts it into words. Whatever came from a
// sender is written as text, never as HTML.

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

function showTiles(told, rows) {
  const { predicted, rejected, strange, repeated } = told.totals;
  say("predicted", number.format(predicted));
  say("predicted-note", repeated ? `${number.format(repeated)} came twice, counted once` : "readings with a species");
  say("rejected", number.format(rejected));
  say("rejected-note", rejected ? `${share(rejected, predicted + rejected)} of all` : "each with its reasons");
  say("strange", number.format(strange));
  say("strange-note", strange ? `${share(strange, predicted)} of predicted` : "out of distribution");
  // The last second is not over yet.
  const ten = rows.slice(-11, -1);
  say("rate", number.format(Math.round(ten.reduce((sum, row) => sum + row[1] + row[2], 0) / ten.length)));
  const timed = rows.filter((row) => row[3] !== null).slice(-10);
  const middle = timed.map((row) => row[3]).sort((one, other) => one - other)[timed.length >> 1];
  say("latency", timed.length ? ms(middle) : "–");
  say("latency-note", timed.length ? `99 % within ${ms(Math.max(...timed.map((row) => row[4])))}` : "published to predicted");
}

function showBacklog(told) {
  const waiting = told.worker && told.worker.queue_rows;
  if (told.broker) {
    say("backlog", number.format(told.broker.backlog + told.broker.outstanding));
    say("backlog-note", "messages at the broker");
  } else if (told.worker) {
    say("backlog", number.format(waiting || 0));
    say("backlog-note", "readings in the worker");
  } else {
    say("backlog", "–");
    say("backlog-note", "no worker or broker asked");
  }
}

function showBills(told) {
  const strange = told.birds.filter((bird) => bird[3]).length;
  const words = SPECIES.map((name) => `${name} ${number.format(told.species[name])}`).join(", ");
  say("say-bills", told.birds.length
    ? `The newest ${many(told.birds.length, "bird")} that predictions repeat${strange ? `, ${strange} of them unlike any known` : ""}. In all: ${words}.`
    : `Length against depth, once predictions repeat their readings (ROOKERY_FEATURE_SAMPLE_ROWS). In all: ${words}.`);
  drawBills(told.birds);
}

function showDrift(told) {
  const judged = told.drift.filter((each) => each.index !== null);
  const drifted = judged.filter((each) => each.drifted).map((each) => plain(each.feature));
  say("say-drift", !judged.length ? "Too few readings to tell yet (200 are needed)."
    : drifted.length ? `Another population than in training: ${drifted.join(", ")}.`
      : `The latest ${many(Math.max(...judged.map((each) => each.rows)), "reading")} look like those of the training.`);
  el("drift").replaceChildren(...judged.map((each) => {
    const item = make("li", undefined, each.drifted ? "drifted" : each.index > 0.1 ? "notable" : "");
    const unjudged = each.index > 0.25 && !each.drifted ? ", shown only" : "";
    item.append(make("span", plain(each.feature)), make("span", `${each.index.toFixed(3)}${each.drifted ? " drifted" : unjudged}`, "value"));
    const bar = make("span", undefined, "bar");
    bar.setAttribute("aria-hidden", "true");
    const fill = make("i");
    fill.style.width = `${Math.min(100, each.index / 0.5 * 100)}%`;
    bar.append(fill);
    item.append(bar);
    return item;
  }));
}

const plain = (feature) => ({ bill_length_mm: "Bill length", bill_depth_mm: "Bill depth", flipper_length_mm: "Flipper length", body_mass_g: "Body mass", year: "Year", sex: "Sex", island: "Island", species: "Species told" })[feature] || feature;

function showSeconds(rows) {
  const sum = rows.reduce((total, row) => total + row[1] + row[2], 0);
  const most = Math.max(...rows.map((row) => row[1] + row[2]));
  say("say-rate", sum ? `${many(sum, "reading")} in two minutes, at most ${number.format(most)} in a second.` : "Nothing in these two minutes.");
  drawRates(rows);
  const timed = rows.filter((row) => row[3] !== null);
  say("say-latency", timed.length ? `From publication to prediction; the slowest second had 99 % within ${ms(Math.max(...timed.map((row) => row[4])))}.` : "From publication to prediction.");
  drawLatencies(rows);
}

function showBatches(batches) {
  const count = Object.values(batches).reduce((sum, each) => sum + each, 0);
  const words = count === 1 ? "One batch" : `${number.format(count)} batches`;
  say("say-batches", count ? `${words}; the largest held up to ${many(Math.max(...Object.keys(batches).map(Number)), "reading")}.` : "How many readings were answered together.");
  drawBatches(batches);
}

function showDays(days) {
  const names = Object.keys(days);
  say("say-days", !names.length ? "By the day of observation." : names.length === 1 ? `All on ${names[0]}.` : `${names.length} days, ${names[0]} to ${names[names.length - 1]}.`);
  drawDays(days);
}

function showReasons(told) {
  say("say-reasons", told.reasons.length ? "A reading may have several." : "Nothing was rejected.");
  el("reasons").replaceChildren(...told.reasons.map((each) => {
    const item = make("li");
    const words = make("span");
    words.append(make("code", each.field), ` ${each.rule}`);
    item.append(make("b", number.format(each.count)), words);
    return item;
  }));
}

function showModel(told) {
  const worker = told.worker;
  const facts = [["Model", (worker && worker.model) || told.model || "–"]];
  if (worker) {
    say("say-model", worker.degraded ? "Degraded: another model answers than was asked for." : worker.ready ? "Healthy and taking messages." : "Not taking messages.");
    if (worker.model_since) facts.push(["Answers since", new Date(worker.model_since * 1000).toLocaleString()]);
    for (const [phase, words] of [["wait", "Waits for a batch"], ["predict", "Predicts"], ["write", "Makes durable"], ["push", "Push to answer"]]) {
      if (phase in worker.mean_seconds) facts.push([words, ms(worker.mean_seconds[phase] * 1000)]);
    }
    const retries = Object.entries(worker.retries);
    facts.push(["To come again", retries.length ? retries.map(([cause, count]) => `${cause} ${number.format(count)}`).join(", ") : "none"]);
    facts.push(["Came twice", number.format(worker.duplicates)]);
    if (worker.memory_bytes) facts.push(["Memory", `${Math.round(worker.memory_bytes / 1048576)} MB`]);
  } else {
    say("say-model", "As the newest prediction names it. --worker URL shows its health, phases and backlog.");
  }
  el("facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
}

function showRejections(told) {
  const shown = told.rejections;
  say("say-rejections", shown.length ? "The original is what came, byte for byte." : "None so far.");
  // What somebody is reading or about to follow is not pulled away from under them.
  const known = shown.map((each) => each.number).join();
  const body = el("rejections");
  if (body.dataset.known === known) return;
  const focused = document.activeElement && document.activeElement.dataset.number;
  body.dataset.known = known;
  body.replaceChildren(...shown.map((each) => {
    const row = make("tr");
    const who = make("td");
    who.append(make("code", each.reading_id));
    if (each.row !== null) who.append(make("span", ` row ${each.row}`, "mild"));
    if (each.device_id) who.append(make("span", ` ${each.device_id}`, "mild"));
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
    row.append(make("td", new Date(each.at * 1000).toLocaleTimeString()), who, reasons, original);
    return row;
  }));
  if (focused) document.querySelector(`[data-number="${focused}"]`)?.focus();
}

function showStatus() {
  const age = latest && latest.latest ? Date.now() / 1000 - latest.latest : Infinity;
  const [state, words] = lost ? ["lost", "Lost the server, trying again"]
    : paused ? ["wait", "Paused"]
      : !latest ? ["wait", "Connecting"]
        : age === Infinity ? ["wait", "No results yet"]
          : age < FRESH_S ? ["live", "Live"] : ["quiet", `Quiet since ${new Date(latest.latest * 1000).toLocaleTimeString()}`];
  el("status").dataset.state = state;
  say("status-words", words);
}

function show() {
  if (!latest) return;
  const told = latest;
  const now = Math.floor(Date.now() / 1000);
  const end = told.latest && now - told.latest > WINDOW_S / 2 ? Math.ceil(told.latest) + 1 : now;
  const rows = lastSeconds(told.seconds, end);
  say("source", told.source);
  el("trouble").hidden = !told.trouble;
  say("trouble", told.trouble || "");
  showTiles(told, rows);
  showBacklog(told);
  showBills(told);
  showDrift(told);
  showSeconds(rows);
  showBatches(told.batches);
  showDays(told.days);
  showReasons(told);
  showModel(told);
  showRejections(told);
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
