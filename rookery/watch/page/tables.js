"use strict";
// Each chart's values as a table, for keyboards and screen readers; a table is built once it is opened.

const tables = new Map();

function table(id, heads, rows) {
  tables.set(id, [heads, rows]);
  if (el(id).open) fill(id);
}

function fill(id) {
  const [heads, rows] = tables.get(id);
  const words = JSON.stringify(rows);
  if (el(id).dataset.filled === words) return;
  el(id).dataset.filled = words;
  const made = make("table", undefined, "values");
  const cells = (tag, values) => {
    const row = make("tr");
    row.append(...values.map((value) => {
      const cell = make(tag, value === null ? "–" : typeof value === "number" ? number.format(value) : value);
      if (tag === "th") cell.scope = "col";
      return cell;
    }));
    return row;
  };
  const [head, body] = [make("thead"), make("tbody")];
  head.append(cells("th", heads));
  body.append(...rows.map((values) => cells("td", values)));
  made.append(head, body);
  el(id).querySelector(".scroll").replaceChildren(made);
}

for (const each of document.querySelectorAll("details")) {
  each.addEventListener("toggle", () => { if (each.open && tables.has(each.id)) fill(each.id); });
}
