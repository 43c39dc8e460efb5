"use strict";
// The page: receives the state over server-sent events and shows it. Text from a sender is always written as text,
// never as HTML.

const FRESH_S = 8;
const MOST_DRIFTS = 12;

let latest = null;
let paused = 0;
let changed = 0;
let lost = false;

const idle = () => (latest && latest.latest ? now() - latest.latest : Infinity);
// The time that charts and percentiles are over.
const span = (state) => (now() - state.window.to < 5 ? "the last two minutes" : `the two minutes to ${moment(state.window.to)}`);

function showTiles(state) {
  const { predicted, rejected, out_of_distribution: outliers, duplicates } = state.totals;
  const { timed, p50_ms: p50, p99_ms: p99 } = state.window;
  say("predicted", number.format(predicted));
  say("predicted-note", duplicates ? `${many(duplicates, "duplicate line")} skipped` : "readings with a prediction");
  say("rejected", number.format(rejected));
  say("rejected-note", rejected ? `${share(rejected, predicted + rejected)} of all` : "each with its reasons");
  say("ood", number.format(outliers));
  say("ood-note", outliers ? `${share(outliers, predicted)} of predicted` : "flagged by the model");
  say("latency", ms(p50));
  say("latency-note", timed ? `p99 ${ms(p99)}, over ${span(state)}` : "from publication to prediction");
  showRate();
}

function showRate() {
  // A rate that is older than the seconds that it is the mean of says nothing about now.
  const rate = idle() > 12 ? 0 : latest.window.rate;
  say("rate", number.format(rate));
  say("rate-note", idle() === Infinity ? "no result yet" : rate || idle() < 2 ? "mean of ten seconds" : `no result for ${lasting(idle())}`);
}

function silence(state, name) {
  const known = state.availability[name];
  if (!known || !known.silent_since) return "";
  const since = moment(known.silent_since);
  return known.answered ? `has not answered since ${since}` : `has never answered, asked since ${since}`;
}

function showBacklog(state) {
  const { broker, worker, availability } = state;
  const silent = silence(state, availability.broker ? "broker" : "worker");
  el("backlog-note").classList.toggle("alarm", Boolean(silent));
  say("backlog", broker ? number.format(broker.backlog + broker.outstanding) : worker && !silent ? number.format(worker.queue_rows || 0) : "–");
  say("backlog-note", silent ? `The ${availability.broker ? "broker" : "worker"} ${silent}` : broker ? "messages at the broker"
    : worker ? "readings in the worker's queue" : "shown with --broker");
}

// A chart without a value is not drawn: empty axes say nothing.
function blank(id, isBlank) {
  el(id).closest("section").classList.toggle("blank", isBlank);
  return isBlank;
}

// How many of each label, the most frequent ones where there are many.
function counted(labels) {
  const known = Object.entries(labels);
  const shown = known.length > MOST_LABELS ? known.sort((one, other) => other[1] - one[1]).slice(0, MOST_LABELS) : known;
  const rest = known.slice(shown.length).reduce((sum, each) => sum + each[1], 0);
  return shown.map(([name, count]) => `${name} ${number.format(count)}`).join(", ") + (rest ? `, others ${number.format(rest)}` : "");
}

function showScatter(state) {
  el("scatter").closest("section").hidden = !contract.x;
  if (!contract.x) return;
  const { readings, totals } = state;
  const [across, up] = blank("scatter", !readings.length) ? [[0, 0], [0, 0]] : drawScatter(readings);
  const outliers = readings.filter((reading) => reading[3]).length;
  const outside = readings.filter(([x, y]) => x < across[0] || x > across[1] || y < up[0] || y > up[1]).length;
  const words = counted(state.labels);
  const sampled = readings.length === state.readings_with_features ? `All ${many(readings.length, "reading")}`
    : `A random sample: ${number.format(readings.length)} (${share(readings.length, state.readings_with_features)}) of the ${many(state.readings_with_features, "reading")}`;
  say("say-scatter", !totals.predicted ? "No prediction so far."
    : readings.length
      ? `${sampled} whose features are in the results, ${share(outliers, readings.length)} of the points out of distribution (of all predictions ${share(totals.out_of_distribution, totals.predicted)})${outside ? `; ${number.format(outside)} outside the axes` : ""}. In all: ${words}.`
      : `No result holds its features; a worker with ROOKERY_FEATURE_SAMPLE_ROWS=4 writes those of a sample. In all: ${words}.`);
  table("table-scatter", [contract.x, contract.y, contract.title, "OOD", "Probability"],
    readings.map(([x, y, place, outlier, probability]) => [x, y, LABELS[place], outlier ? "yes" : "no", probability.toFixed(3)]));
}

function showDrift(state) {
  const measured = state.drift.filter((each) => each.index !== null);
  const drifted = measured.filter((each) => each.drifted).map((each) => plain(each.feature));
  say("say-drift", !measured.length ? "Needs the features of 200 readings; a worker with ROOKERY_FEATURE_SAMPLE_ROWS=4 writes those of a sample."
    : drifted.length ? `Drifted from the training data: ${drifted.join(", ")}.`
      : `No drift in the latest ${many(Math.max(...measured.map((each) => each.rows)), "reading")}.`);
  const most = [...measured].sort((one, other) => other.index - one.index).slice(0, MOST_DRIFTS);
  const shown = measured.filter((each) => most.includes(each));
  say("drift-foot", `Population stability index (PSI) against the training data: below 0.1 no drift, above 0.25 drifted.${shown.length < measured.length ? ` The ${MOST_DRIFTS} highest of ${measured.length} features.` : ""}`);
  el("drift").replaceChildren(...shown.map((each) => {
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

const plain = (feature) => feature === contract.target ? `${contract.title} (predicted)` : contract.features[feature] || feature;

function showSeconds(state) {
  const rows = secondsOf(state);
  const { predicted, rejected, busiest, timed, p50_ms: p50, p99_ms: p99 } = state.window;
  const within = span(state);
  say("say-rate", predicted + rejected ? `${many(predicted + rejected, "reading")} in ${within}, at most ${number.format(busiest)} in a second.` : `No result in ${within}.`);
  if (!blank("rates", !(predicted + rejected))) drawRates(rows);
  say("say-latency", timed ? `From publication to prediction: p50 ${ms(p50)}, p99 ${ms(p99)} over ${many(timed, "reading")} in ${within}.` : `From publication to prediction; no result in ${within}.`);
  if (!blank("latencies", !timed)) drawLatencies(rows);
  const busy = rows.filter((row) => row[1] + row[2]).map(([at, ...row]) => [at.slice(11), ...row]);
  table("table-rates", ["Second, UTC", "Predicted", "Rejected"], busy.map((row) => row.slice(0, 3)));
  table("table-latencies", ["Second, UTC", "p50, ms", "p99, ms"], busy.map((row) => [row[0], row[3], row[4]]));
}

function showBatches(batches) {
  const count = Object.values(batches).reduce((sum, each) => sum + each, 0);
  const words = count === 1 ? "One batch" : `${number.format(count)} batches`;
  say("say-batches", count ? `${words}; the largest held up to ${many(Math.max(...Object.keys(batches).map(Number)), "reading")}.` : "How many readings were predicted together.");
  if (!blank("batches", !count)) table("table-batches", ["Readings in a batch", "Batches"], drawBatches(batches));
}

function showDays(days) {
  const names = Object.keys(days);
  say("say-days", `By day of observation, of publication where that is unknown${names.length > 1 ? `; ${names.length} days, ${names[0]} to ${names[names.length - 1]}` : names.length ? `; all on ${names[0]}` : ""}.`);
  if (!blank("days", !names.length)) drawDays(days);
  table("table-days", ["Day, UTC", ...LABELS], names.map((day) => [day, ...LABELS.map((label) => days[day][label] || 0)]));
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
  const { worker, broker, availability } = state;
  const silent = ["worker", "broker"].filter((name) => silence(state, name)).map((name) => `The ${name} at ${availability[name].address} ${silence(state, name)}.`);
  const facts = [["Model", (worker && worker.model) || state.model || "–"]];
  const health = !worker ? "" : worker.degraded ? "Degraded: the last known good model is loaded, not the configured one." : worker.ready ? "The worker is ready." : "The worker is not ready: messages are refused.";
  el("say-model").classList.toggle("alarm", Boolean(silent.length || (worker && (worker.degraded || !worker.ready))));
  say("say-model", [...silent, health].filter(Boolean).join(" ") || "From the newest prediction. --worker URL adds health, latency by phase, and the queue.");
  if (worker) {
    if (worker.model_loaded_at) facts.push(["Loaded at", moment(worker.model_loaded_at)]);
    for (const [phase, label] of [["queue_time", "Queue time, mean"], ["inference", "Inference, mean"], ["sink_write", "Sink write, mean"], ["request_duration", "Request latency, mean"]]) {
      if (phase in worker.mean_seconds) facts.push([label, ms(worker.mean_seconds[phase] * 1000)]);
    }
    const retries = Object.entries(worker.retries);
    facts.push(["Nacked for retry", retries.length ? retries.map(([cause, count]) => `${cause} ${number.format(count)}`).join(", ") : "none"]);
    facts.push(["Duplicates", number.format(worker.duplicates)]);
    if (worker.memory_bytes) facts.push(["Memory", `${Math.round(worker.memory_bytes / 1048576)} MB`]);
  }
  if (broker) facts.push(["Nacked at the broker", number.format(broker.nacked)]);
  el("facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
}

function showEmpty(state) {
  const { predicted, rejected } = state.totals;
  document.body.dataset.waiting = String(!(predicted + rejected));
  if (predicted + rejected) return;
  const [results, rejects] = state.addresses;
  const next = state.worker ? ["The worker answers. Publish readings to it: ", "rookery publish file FILE"]
    : ["Start a worker that writes here: ", `rookery serve --results ${results} --rejects ${rejects}`];
  el("empty").replaceChildren(`No result in ${state.source} yet. ${next[0]}`, make("code", next[1]));
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
    row.append(make("td", moment(each.at)), identity, reasons, original);
    return row;
  }));
  if (focused) document.querySelector(`[data-number="${focused}"]`)?.focus();
}

function showStatus() {
  const silent = latest ? ["worker", "broker"].filter((name) => silence(latest, name)) : [];
  const since = silent.map((name, nth) => `${nth ? "the" : "The"} ${name} ${silence(latest, name)}`).join("; ");
  const [state, words] = lost ? ["lost", "Connection lost, reconnecting"]
    : paused ? ["wait", `Paused at ${moment(paused)}`]
      : !latest ? ["wait", "Connecting"]
        : since ? ["lost", since]
          : idle() === Infinity ? ["wait", "No data yet"]
            : idle() < FRESH_S ? ["live", "Live"] : ["idle", `Idle since ${moment(latest.latest)}`];
  el("status").dataset.state = state;
  say("status-words", words);
}

function show() {
  if (!latest) return;
  const state = latest;
  say("source", `${state.source} · times in UTC`);
  el("error").hidden = !state.error;
  say("error", state.error || "");
  showEmpty(state);
  showTiles(state);
  showBacklog(state);
  showModel(state);
  say("remembered", number.format(state.remembered));
  if (document.body.dataset.waiting === "false") {
    showScatter(state);
    showDrift(state);
    showSeconds(state);
    showBatches(state.batches);
    showDays(state.days);
    showReasons(state);
    showRejections(state);
  }
  document.body.dataset.shown = String((changed += 1));
}

showLegends();
const events = new EventSource("events");
events.onmessage = (event) => {
  lost = false;
  latest = JSON.parse(event.data);
  if (!paused) show();
  showStatus();
};
events.addEventListener("clock", (event) => {
  lost = false;
  ahead = Number(event.data) - Date.now() / 1000;
  if (latest && !paused) showRate();
  showStatus();
});
events.onerror = () => { lost = true; showStatus(); };
events.onopen = () => { lost = false; showStatus(); };
setInterval(showStatus, 2000);

el("pause").addEventListener("click", () => {
  paused = paused ? 0 : now();
  el("pause").setAttribute("aria-pressed", String(Boolean(paused)));
  if (!paused) show();
  showStatus();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
