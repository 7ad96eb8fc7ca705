"use strict";
document.documentElement.classList.add("js");

function key(row, column, numeric) {
  const cell = row.cells[column];
  if (!numeric) return cell.textContent.trim().toLowerCase();
  const text = cell.dataset.value ?? "";
  return text === "" ? null : Number(text);
}

function sort(table, column, head) {
  const descending = head.getAttribute("aria-sort") === "ascending";
  const numeric = head.classList.contains("number");
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [key(row, column, numeric), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null); // what has no value stays last
    const order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
    return descending ? -order : order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, column, head));
  });
}

function filter(id) {
  const words = document.querySelector(`[data-filter="${id}"]`).value.toLowerCase().split(/\s+/).filter(Boolean);
  const trusted = document.querySelector(`[data-suspect="${id}"]`).checked;
  const rows = [...document.getElementById(id).tBodies[0].rows];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word)) || (trusted && row.classList.contains("suspect"));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  document.querySelector(`[data-count="${id}"]`).textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
}

for (const input of document.querySelectorAll("[data-filter], [data-suspect]")) {
  input.addEventListener("input", () => filter(input.dataset.filter ?? input.dataset.suspect));
}

for (const box of document.querySelectorAll(".copyable")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const content = box.querySelector("pre, p");
    try {
      await navigator.clipboard.writeText(content.textContent);
      button.textContent = "Copied";
    } catch { // a page from disk may not be let: select the text, so that a key copies it
      getSelection().selectAllChildren(content);
      button.textContent = "Selected: press Ctrl+C";
    }
  });
  box.prepend(button);
}

const closed = new Set();
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) { closed.add(details); details.open = true; }
});
addEventListener("afterprint", () => { for (const details of closed) details.open = false; closed.clear(); });
