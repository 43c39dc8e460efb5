"use strict";
// Numbers, times and durations in words. All times are UTC, as in the result lines.

const el = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const say = (id, words) => { if (el(id).textContent !== words) el(id).textContent = words; };
const many = (count, word) => `${number.format(count)} ${word}${count === 1 ? "" : "s"}`;
const share = (part, whole) => (whole ? `${(100 * part / whole).toFixed(part && part / whole < 0.1 ? 1 : 0)} %` : "–");
const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const ms = (value) => (value === null ? "–" : value >= 1000 ? `${digits(value / 1000)} s` : `${digits(value)} ms`);

// The server's clock: a phone's may differ by minutes.
let ahead = 0;
const now = () => Date.now() / 1000 + ahead;

function moment(seconds) {
  const words = new Date(seconds * 1000).toISOString();
  const today = new Date(now() * 1000).toISOString().slice(0, 10) === words.slice(0, 10);
  return `${today ? "" : `${words.slice(0, 10)} `}${words.slice(11, 19)} UTC`;
}

function lasting(seconds) {
  for (const [unit, length] of [["day", 86400], ["h", 3600], ["min", 60]]) {
    const count = Math.trunc(seconds / length);
    if (count >= 1) return unit === "day" ? many(count, "day") : `${count} ${unit}`;
  }
  return `${Math.max(0, Math.trunc(seconds))} s`;
}

function make(tag, words, name) {
  const made = document.createElement(tag);
  if (words !== undefined) made.textContent = words;
  if (name) made.className = name;
  return made;
}
