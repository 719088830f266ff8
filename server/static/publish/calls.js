// Calls of this server's API with the session of the browser. A lost connection is waited for; what cannot be repeated is said.
import { fillIn, words } from "./words.js";

const WAITS_S = [1, 2, 4, 8, 15, 30, 30];
const BUSY = [408, 429, 502, 503, 504];

// The path below which the server is reached; empty at the top of a host.
export const root = document.documentElement.dataset.root || "";

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// The session has ended: the user logs in in another tab, and continues.
export class LoggedOut extends Error {}

export class Stopped extends Error {}

let csrfToken = document.querySelector("input[name=form]").value;

// Takes the token of a fresh page, after another login. Throws LoggedOut.
export async function renew() {
  const response = await fetch(`${root}/publish`, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!page.getElementById("publisher")) throw new LoggedOut("logged out");
  csrfToken = page.querySelector("input[name=form]").value;
}

// Sends a body with the progress of its bytes. Resolves to { status, headers, text }, and rejects with TypeError without an answer.
function send(method, url, body, headers, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (onProgress) request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", () => resolve({
      status: request.status, text: request.responseText, header: (name) => request.getResponseHeader(name),
    }));
    request.addEventListener("error", () => reject(new TypeError("no connection")));
    request.addEventListener("abort", () => reject(new Stopped("stopped")));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
    signal.addEventListener("abort", stop);
    if (signal.aborted) request.abort();
    else request.send(body);
  });
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    addEventListener("online", resolve, { once: true });
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(new Stopped("stopped")); }, { once: true });
  });
}

// Sends a request to a path of this server or to a link, again after a lost connection. Throws Refused with the server's message, LoggedOut, Stopped.
export async function call(method, url, body, options) {
  const isLink = options.isLink; // A signed link needs no session.
  for (let attempt = 0; ; attempt += 1) {
    const headers = { Accept: "application/json", ...(isLink ? {} : { "X-CSRF-Token": csrfToken }), ...options.headers };
    let problem, answer;
    try {
      answer = await send(method, url.startsWith("/") ? root + url : url, body, headers, options);
      if (answer.status >= 200 && answer.status < 300) return answer;
      problem = messageIn(answer);
      if (answer.status === 401 && !isLink) throw new LoggedOut(problem);
      if (!BUSY.includes(answer.status)) throw new Refused(problem, answer.status);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      problem = words.lost;
    }
    if (attempt === WAITS_S.length) throw new Refused(`${problem} ${words.later}`, 0);
    const seconds = Number(answer && answer.header("Retry-After")) || WAITS_S[attempt];
    options.onWait(`${problem} ${fillIn(words.retry, { seconds })}`);
    await pause(seconds, options.signal);
    options.onWait("");
  }
}

export async function callJson(url, body, options) {
  const answer = await call("POST", url, JSON.stringify(body), { ...options, headers: { "Content-Type": "application/json" } });
  return JSON.parse(answer.text);
}

function messageIn(answer) {
  const unknown = fillIn(words.status, answer);
  try {
    return JSON.parse(answer.text).error || unknown;
  } catch {
    return unknown;
  }
}
