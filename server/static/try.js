// The page /try works without this file: then the form redirects to a page that reloads until the images are there.
const form = document.getElementById("try");
const prompt = form.elements.prompt;
const draw = document.getElementById("draw");
const cancel = document.getElementById("cancel");
const state = document.getElementById("state");
const problem = document.getElementById("problem");
const results = document.getElementById("results");
const columns = results.querySelector(".columns");
const share = document.getElementById("share");
const words = JSON.parse(form.dataset.words); // In the language of the page.
const FINISHED = ["done", "failed", "cancelled"];
const root = document.documentElement.dataset.root || ""; // The path of a server below a path.
const seconds = new Intl.NumberFormat(`${document.documentElement.lang}-u-nu-latn`, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
let current = form.dataset.job || "";

// Letters and tone marks go where the cursor is; a mark joins the letter before it.
for (const keys of document.querySelectorAll(".keys")) {
  keys.addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]");
    if (!key) return;
    const from = prompt.selectionStart;
    const before = (prompt.value.slice(0, from) + key.dataset.key).normalize("NFC");
    prompt.value = before + prompt.value.slice(prompt.selectionEnd);
    prompt.setSelectionRange(before.length, before.length);
    prompt.focus();
  });
}

for (const example of document.querySelectorAll("[data-example]")) {
  example.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return; // A new tab or window.
    event.preventDefault();
    prompt.value = example.dataset.example;
    form.requestSubmit();
  });
}

// What is typed stays in the address, so that a reload or the Back button keeps it.
let typing = 0;
form.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => history.replaceState(null, "", draft()), 300);
});

function draft() {
  const fields = new FormData(form);
  const chosen = new URLSearchParams({ prompt: prompt.value, lang: fields.get("lang"), base: fields.get("base") || "", seed: fields.get("seed") });
  if (!fields.has("raw")) chosen.set("raw", "0");
  const modules = [...fields.keys()].filter((name) => name.startsWith("adapter:"));
  for (const name of modules.length ? modules : ["adapter:"]) chosen.append("adapter", name.slice("adapter:".length));
  chosen.set("draft", "1");
  return `${root}/try?${chosen}`;
}

// Another language or base has other modules, examples and keys; the prompt and the seed stay.
for (const name of ["lang", "base"]) {
  form.elements[name].addEventListener("change", () => {
    const chosen = new URLSearchParams({ lang: form.elements.lang.value, base: form.elements.base.value, seed: form.elements.seed.value });
    if (prompt.value.trim()) chosen.set("prompt", prompt.value);
    location.assign(`${root}/try?${chosen}`);
  });
}

const newSeed = form.querySelector(".new-seed");
newSeed.addEventListener("click", () => {
  form.elements.seed.value = crypto.getRandomValues(new Uint32Array(1))[0];
  if (prompt.value.trim() && !draw.disabled) form.requestSubmit();
});

prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

function fillIn(word, values) {
  return words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function say(text) {
  problem.hidden = !text;
  problem.querySelector("p").textContent = text ? text[0].toUpperCase() + text.slice(1) : "";
}

async function read(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error || fillIn("status", { status: response.status }));
  return body;
}

form.addEventListener("submit", async (event) => {
  if (event.submitter && event.submitter.name) return; // The button that only updates the choices.
  event.preventDefault();
  if (draw.disabled) return;
  clearTimeout(typing);
  say("");
  draw.disabled = true;
  try {
    if (current) fetch(`${root}/api/v1/try/${current}`, { method: "DELETE" }).catch(() => {}); // One prompt at a time.
    current = "";
    const fields = new URLSearchParams(new FormData(form));
    const response = await fetch(`${root}/try`, { method: "POST", body: fields, headers: { Accept: "application/json" } });
    if (response.status === 403) { // The form has expired. The server shows it again, with what was typed.
      form.submit();
      return;
    }
    const job = await read(response);
    columns.replaceChildren();
    show(job);
    results.scrollIntoView({ block: "nearest" });
    history.replaceState(null, "", root + job.share);
    draw.disabled = false;
    follow(job);
  } catch (error) {
    draw.disabled = false;
    state.textContent = "";
    say(error instanceof TypeError ? words.silent : error.message);
  }
});

cancel.addEventListener("click", async () => {
  if (!current) return;
  try {
    show(await read(await fetch(`${root}/api/v1/try/${current}`, { method: "DELETE" })));
  } catch (error) {
    say(error.message);
  }
});

share.addEventListener("click", async (event) => {
  if (!navigator.clipboard) return; // Browsers offer it on https and localhost only; else this is a link.
  event.preventDefault();
  const label = share.textContent;
  await navigator.clipboard.writeText(share.href);
  share.textContent = words.copied;
  setTimeout(() => { share.textContent = label; }, 1500);
});

async function follow(job) {
  current = job.id;
  let failures = 0;
  while (current === job.id && !FINISHED.includes(job.state)) {
    try {
      const next = await read(await fetch(`${root}/api/v1/try/${job.id}?after=${job.version}`));
      if (current !== job.id) return;
      job = next;
      failures = 0;
      show(job);
      await new Promise((resolve) => setTimeout(resolve, 200));
    } catch (error) {
      failures += 1;
      if (!(error instanceof TypeError) || failures > 5) { // Not a short interruption of the network.
        say(error.message);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 1000 * failures));
    }
  }
  if (current === job.id) current = "";
  cancel.hidden = true;
}

function show(job) {
  const isRunning = !FINISHED.includes(job.state);
  results.hidden = false;
  cancel.hidden = !isRunning;
  const prompted = results.querySelector(".prompt");
  prompted.textContent = job.prompt;
  prompted.lang = job.language;
  results.querySelector(".of .more").textContent = `${job.base} · ${fillIn("seed", job)}`;
  share.href = root + job.share;
  const done = job.columns.filter((each) => each.done).length;
  const said = {
    waiting: job.position ? fillIn("waiting", job) : words.starting,
    running: fillIn("running", { done, total: job.columns.length }),
    done: words.done,
    cancelled: words.cancelled,
    failed: "",
  }[job.state];
  if (state.textContent !== said) state.textContent = said; // Each change is read aloud.
  if (job.state === "failed") say(job.problem);
  job.columns.forEach((column, place) => {
    if (!columns.children[place]) columns.append(document.getElementById("column").content.cloneNode(true));
    fill(columns.children[place], column, job, isRunning);
  });
}

function fill(item, column, job, isRunning) {
  const heading = item.querySelector("h3");
  if (!heading.textContent.trim()) {
    const name = column.module ? document.createElement("a") : document.createElement("span");
    if (column.module) name.href = `${root}/${column.module}`;
    name.textContent = column.heading;
    heading.replaceChildren(name);
  }
  const frame = item.querySelector(".image");
  const bar = frame.querySelector("progress");
  if (bar) {
    bar.max = column.steps || 1;
    bar.value = column.step;
    bar.ariaLabel = column.heading;
  }
  if (column.image && !frame.querySelector("img")) {
    const image = document.createElement("img");
    image.src = root + column.image;
    image.alt = `${column.heading}: ${job.prompt}`;
    image.width = image.height = 256;
    frame.replaceChildren(image);
    item.querySelector(".done span").textContent = fillIn("seconds", { amount: seconds.format(column.seconds) });
    const link = item.querySelector(".done a");
    link.href = root + column.image;
    link.download = `${job.language}-${column.heading.replaceAll(/[^\w.-]+/g, "-")}-seed-${job.seed}.png`;
    link.ariaLabel = fillIn("download", { name: column.heading });
    item.querySelector(".done").hidden = false;
  } else if (bar && !column.image && (column.done || !isRunning)) {
    const none = document.createElement("p");
    none.className = "more";
    none.textContent = words.none;
    frame.replaceChildren(none);
  }
  if (column.text) item.querySelector(".text").textContent = column.image ? fillIn("read", column) : column.text;
}

if (current) {
  fetch(`${root}/api/v1/try/${current}`).then(read).then((job) => { show(job); follow(job); }).catch((error) => say(error.message));
} else if ("starts" in form.dataset && !draw.disabled) {
  form.requestSubmit();
}
