// The editor of a card works without this file: then the button Preview shows the preview. This shows it while one types.
import { fillIn, words } from "./words.js";

const form = document.getElementById("editor");
const text = form.elements.text;
const list = document.getElementById("mistakes");
const shown = document.getElementById("preview");
const cut = document.getElementById("cut");
const problem = document.getElementById("preview-problem");
const WAIT_MS = 500;
let opened = form.dataset.typed ? null : text.defaultValue; // What is saved; null if nothing of this text is.
let timer = 0;
let asked = 0;
let isAsking = false;

document.getElementById("preview-button").hidden = true;

function line(number) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "line";
  button.textContent = fillIn(words.line, { number });
  button.addEventListener("click", () => select(number));
  return button;
}

// Selects a line, and scrolls to it.
function select(number) {
  const lines = text.value.split("\n");
  const start = lines.slice(0, number - 1).reduce((sum, each) => sum + each.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[number - 1] || "").length);
  text.scrollTop = Math.max(0, (number - 5) * (text.scrollHeight / lines.length));
}

function listMistakes(mistakes) {
  list.replaceChildren();
  if (!mistakes.length) {
    const said = document.createElement("p");
    said.className = "none";
    said.textContent = `✓ ${words.right}`;
    list.append(said);
    return;
  }
  const items = document.createElement("ol");
  items.className = "mistakes";
  for (const each of mistakes) {
    const item = document.createElement("li");
    const what = document.createElement("span");
    what.lang = "en"; // As in all answers of the server.
    what.dir = "auto";
    what.textContent = each.text[0].toUpperCase() + each.text.slice(1);
    if (each.line) item.append(line(each.line), " ");
    item.append(what);
    items.append(item);
  }
  list.append(items);
}

async function ask() {
  if (isAsking) return; // One at a time: the newest text is asked about afterwards.
  isAsking = true;
  const sent = text.value;
  const number = ++asked;
  try {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("preview", "yes");
    const response = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" } });
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(body.error || fillIn(words.status, { status: response.status }));
    shown.innerHTML = body.html; // Rendered by the server, which escapes every text.
    cut.hidden = body.is_whole;
    listMistakes(body.mistakes);
    problem.hidden = true;
  } catch (error) {
    problem.textContent = fillIn(words.failed, { reason: error instanceof TypeError ? words.silent : error.message });
    problem.hidden = false;
  }
  isAsking = false;
  if (number === asked && text.value !== sent) ask();
}

text.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
});
if (text.value !== text.defaultValue) ask(); // Typed before this file was loaded, or restored by the browser.

// The places of mistakes that the server has listed become buttons.
for (const item of list.querySelectorAll("[data-line]")) {
  const number = Number(item.dataset.line);
  if (number) item.querySelector(".line").replaceWith(line(number));
}

let isSaving = false;
form.addEventListener("submit", (event) => {
  if (isSaving) event.preventDefault(); // A second click.
  isSaving = true;
});
addEventListener("pageshow", () => { isSaving = false; });
addEventListener("beforeunload", (event) => {
  if (!isSaving && text.value !== opened) event.preventDefault();
});
