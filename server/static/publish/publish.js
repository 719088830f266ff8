// The page /publish: choose files, see every mistake at once, correct it, and upload. Without this file, it creates an artifact
// with a card and shows the commands that upload.
import { callJson, LoggedOut, renew, root, Stopped } from "./calls.js";
import { chosen, described, dropped, inBytes, isDescription } from "./files.js";
import { Upload } from "./upload.js";
import { fillIn, words } from "./words.js";

const WAIT_MS = 500;
const MAX_ROWS = 200;
const at = (id) => document.getElementById(id);
const page = at("publisher");
const target = at("target");
const ignored = new Set(page.dataset.ignored.split(" "));
const entries = new Map(); // Path → file. A text that was edited here replaces the file.
const rows = new Map();
const asking = new AbortController();
let checked = null; // The answer of the last check; null while something has changed since.
let upload = null;
let edited = "";
let timer = 0;
let checks = 0;

at("choosing").hidden = false;
at("what").textContent = words.start;

function add(found) {
  const kept = found.filter(({ path }) => !path.split("/").some((part) => ignored.has(part)));
  if (!kept.length) return;
  for (const { path, file } of kept) entries.set(path, file);
  const name = target.elements.name;
  const first = found[0].file.webkitRelativePath;
  if (!name.value && first) name.value = first.split("/")[0].replaceAll(/[^\w.-]+/g, "-").slice(0, 96);
  list();
  change(0);
}

at("choose-folder").addEventListener("click", () => at("folder").click());
at("choose-files").addEventListener("click", () => at("files").click());
for (const id of ["folder", "files"]) {
  at(id).addEventListener("change", (event) => {
    if (id === "folder") entries.clear(); // Another choice of the folder, with its mistakes corrected.
    add(chosen(event.target.files));
    event.target.value = "";
  });
}
const drop = at("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (upload) return;
  try {
    add(await dropped(event.dataTransfer));
  } catch (error) {
    say(fillIn(words.undropped, { reason: error.message }));
  }
});

// Something has changed, so that it must be checked again.
function change(wait = WAIT_MS) {
  checked = null;
  checks += 1; // The answer of a check that is under way is outdated.
  at("send").disabled = true;
  clearTimeout(timer);
  if (entries.size) timer = setTimeout(check, wait);
}

for (const name of ["name", "owner", "kind"]) target.elements[name].addEventListener("input", () => change());
target.addEventListener("submit", (event) => {
  if (entries.size) event.preventDefault(); // Enter in the name, while files wait.
});

function capital(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}

async function check() {
  const number = ++checks;
  say("");
  at("again").hidden = true;
  const limit = Number(page.dataset.maxFiles);
  if (entries.size > limit) {
    showMistakes([{ file: "", line: 0, text: fillIn(words.many, { count: entries.size, limit }), lang: document.documentElement.lang }]);
    return;
  }
  at("state").textContent = words.checking;
  try {
    const files = await described([...entries].map(([path, file]) => ({ path, file })), Number(page.dataset.maxBytes));
    const { owner, name, kind } = target.elements;
    const body = { owner: owner.value, name: name.value, is_dataset: kind.value === "dataset", files };
    const answer = await callJson("/publish/check", body, { signal: asking.signal, onWait: (text) => { at("state").textContent = capital(text); } });
    if (number !== checks || upload) return; // Something has changed in the meantime.
    checked = answer;
    at("state").textContent = "";
    tellTarget();
    showMistakes(answer.mistakes);
    at("send").disabled = answer.mistakes.length > 0;
  } catch (error) {
    if (number === checks) failed(error, check);
  }
}

function tellTarget() {
  const { elements: { visibility } } = target;
  visibility.disabled = checked.exists;
  if (checked.private !== null) visibility.value = checked.private ? "private" : "public";
  const name = checked.repository;
  at("what").textContent = name ? fillIn(checked.exists ? words.exists : words.new, { name }) : "";
}

function button(text, act, label) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "small";
  made.textContent = text;
  if (label) made.ariaLabel = label;
  made.addEventListener("click", act);
  return made;
}

function span(text, name = "") {
  const made = document.createElement(name === "file" ? "bdi" : "span");
  made.className = name;
  made.textContent = text;
  return made;
}

function showMistakes(mistakes) {
  at("mistakes").hidden = false;
  at("mistakes-heading").textContent = mistakes.length ? fillIn(words.mistakes, { count: mistakes.length }) : words.right;
  for (const [path, row] of rows) row.classList.toggle("wrong", mistakes.some((each) => each.file === path));
  at("mistakes").querySelector("ol").replaceChildren(...mistakes.map(({ file, line, text, lang = "en" }) => { // The server answers in English.
    const item = document.createElement("li");
    item.dataset.file = file;
    if (file) item.append(span(file, "file"), " ");
    if (line) item.append(span(fillIn(words.line, { number: line }), "line"), " ");
    const said = span(capital(text));
    said.lang = lang;
    said.dir = "auto";
    item.append(said, " ");
    if (entries.has(file) && isDescription(file)) item.append(button(words.edit, () => edit(file, line), fillIn(line ? words.edit_line : words.edit_file, { name: file, number: line })));
    else if (entries.has(file)) item.append(button(words.leave_out, () => leaveOut(file), fillIn(words.leave_out_file, { name: file })));
    else if (file === "README.md" && checked && checked.new_card) item.append(button(words.write, writeCard));
    return item;
  }));
}

function leaveOut(path) {
  entries.delete(path);
  for (const item of at("mistakes").querySelectorAll("li")) if (item.dataset.file === path) item.remove(); // The check answers later.
  if (edited === path) closeText();
  list();
  change(0);
}

function writeCard() {
  entries.set("README.md", new File([checked.new_card], "README.md"));
  list();
  edit("README.md", 1);
  change(0);
}

// Shows the text of a card or configuration, with a line selected.
async function edit(path, line) {
  edited = path;
  const area = at("text").querySelector("textarea");
  area.value = await entries.get(path).text();
  area.ariaLabel = path;
  at("text").hidden = false;
  at("text-heading").firstElementChild.textContent = path;
  const lines = area.value.split("\n");
  const start = lines.slice(0, Math.max(line - 1, 0)).reduce((sum, each) => sum + each.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (line ? lines[line - 1] || "" : "").length);
  area.scrollTop = Math.max(0, (line - 4) * (area.scrollHeight / lines.length));
}

function closeText() {
  edited = "";
  at("text").hidden = true;
}

at("close-text").addEventListener("click", closeText);
at("text").querySelector("textarea").addEventListener("input", (event) => {
  const replaced = new File([event.target.value], edited);
  entries.set(edited, replaced);
  if (rows.has(edited)) rows.get(edited).cells[1].textContent = inBytes(replaced.size);
  change();
});

function list() {
  const sizes = [...entries.values()].map((file) => file.size);
  at("listing").hidden = at("sending").hidden = !entries.size;
  target.querySelector("button").hidden = entries.size > 0;
  if (!entries.size) at("mistakes").hidden = true;
  at("listing-heading").textContent = fillIn(words.files, { count: entries.size, size: inBytes(sizes.reduce((sum, each) => sum + each, 0)) });
  drop.classList.toggle("small", entries.size > 0);
  rows.clear();
  const body = at("listing").querySelector("tbody");
  body.replaceChildren(...[...entries].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, MAX_ROWS).map(([path, file]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.append(span(path, "file"));
    row.append(head, ...["number", "", "number"].map((name) => Object.assign(document.createElement("td"), { className: name })));
    row.cells[1].textContent = inBytes(file.size);
    if (isDescription(path)) row.cells[3].append(button(words.edit, () => edit(path, 0), fillIn(words.edit_file, { name: path })), " ");
    row.cells[3].append(button(words.leave_out, () => leaveOut(path), fillIn(words.leave_out_file, { name: path })));
    rows.set(path, row);
    return row;
  }));
  const more = entries.size - rows.size;
  at("not-shown").hidden = more <= 0;
  at("not-shown").textContent = fillIn(words.unlisted, { count: more });
}

const shares = new Map();

function progress(path, state, share) {
  shares.set(path, state === "stored" ? 1 : state === "sending" ? share : 0);
  at("total").value = [...shares].reduce((sum, [each, done]) => sum + done * (entries.get(each).size + 1), 0);
  const row = rows.get(path);
  if (!row) return;
  const cell = row.cells[2];
  if (share === undefined || share >= 1 || state === "stored") {
    cell.textContent = words[state];
    return;
  }
  let bar = cell.querySelector("progress");
  if (!bar) {
    bar = document.createElement("progress");
    cell.replaceChildren(bar);
  }
  bar.value = share;
  bar.ariaLabel = `${path}: ${words[state]}`;
}

at("send").addEventListener("click", send);
at("again").addEventListener("click", () => at("again").act());
at("stop").addEventListener("click", () => upload && upload.stop());

function lock(isLocked) {
  for (const each of page.querySelectorAll("#target :is(input, select, button), #choosing button, #listing button, #mistakes button, #message, #text :is(textarea, button)")) {
    each.disabled = isLocked;
  }
  at("stop").hidden = at("total").hidden = !isLocked;
  if (checked) target.elements.visibility.disabled = isLocked || checked.exists;
}

async function send() {
  if (upload || !checked || checked.mistakes.length) return; // A second click.
  say("");
  at("again").hidden = true;
  at("send").disabled = true;
  const listed = [...entries].map(([path, file]) => ({ path, file }));
  at("total").max = listed.reduce((sum, each) => sum + each.file.size + 1, 0);
  shares.clear();
  upload = new Upload({
    target: {
      repository: checked.repository, isDataset: checked.is_dataset, exists: checked.exists, head: checked.head,
      isPrivate: target.elements.visibility.value === "private",
    },
    entries: listed,
    message: at("message").value.trim() || at("message").placeholder,
    show: progress,
    onWait: (text) => { at("state").textContent = capital(text) || words.uploading; },
  });
  lock(true);
  at("state").textContent = words.uploading;
  try {
    await upload.run();
    upload = null;
    finish();
  } catch (error) {
    const { target: sent } = upload;
    upload = null;
    lock(false);
    for (const [path, row] of rows) row.cells[2].textContent = shares.get(path) === 1 ? words.stored : "";
    checked.exists = sent.exists;
    if (error.status === 412) { // Someone else has committed since the check.
      await check();
      say(words.overtaken);
      return;
    }
    if (!sent.head && sent.exists) checked.head = "";
    at("send").disabled = error.status === 400;
    failed(error, error.status === 400 ? check : send);
  }
}

// Says what has gone wrong, and offers to continue. What was sent already is not sent again.
function failed(error, act) {
  const isOut = error instanceof LoggedOut;
  const isStopped = error instanceof Stopped;
  at("state").textContent = isStopped ? words.stopped : "";
  if (isOut) say(words.out, "/login");
  else if (!isStopped) say(error.message);
  const again = at("again");
  again.hidden = false;
  again.textContent = act === check ? words.check : words.continue;
  again.act = async () => {
    again.hidden = true;
    try {
      if (isOut) await renew();
    } catch (still) {
      failed(still, act);
      return;
    }
    act();
  };
}

function say(text, address) {
  const problem = at("problem");
  problem.hidden = !text;
  const said = problem.querySelector("p");
  said.textContent = capital(text);
  if (!address) return;
  const link = Object.assign(document.createElement("a"), { href: root + address, target: "_blank", rel: "noopener", textContent: words.log_in });
  said.append(" ", link);
}

function finish() {
  for (const id of ["choosing", "mistakes", "text", "sending"]) at(id).hidden = true;
  for (const row of rows.values()) row.cells[3].replaceChildren();
  lock(true);
  at("what").textContent = "";
  at("done").hidden = false;
  at("done").querySelector("a").href = root + checked.page;
  at("done-heading").textContent = fillIn(words.published, { name: checked.repository });
  at("done-heading").focus();
}

addEventListener("beforeunload", (event) => {
  if (upload) event.preventDefault();
});
