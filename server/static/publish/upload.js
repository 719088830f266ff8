// Uploads files by the protocol of Hugging Face's clients: preupload, Git LFS in one piece or in parts, and one commit.
// What was sent is remembered in the browser, so that a repeated upload sends only the rest.
import { call, callJson, Refused, root, Stopped } from "./calls.js";
import { base64 } from "./files.js";
import { fillIn, words } from "./words.js";

const PLANNED = 500; // Files in one request.
const AT_ONCE = 2;
const MAX_INLINE = 48 << 20; // Bytes of small texts in a commit; more go by LFS.
const KEPT = 5;
const KEY = "linguahub-upload:";

// What this browser has computed and sent for a repository: SHA-256 by path, size and time, and the ETags of parts.
class Memory {
  constructor(repository) {
    this.key = KEY + repository;
    this.found = { at: 0, oids: {}, parts: {} };
    try {
      Object.assign(this.found, JSON.parse(localStorage.getItem(this.key)));
    } catch { /* Without storage, nothing is remembered. */ }
  }

  static mark(file, path) {
    return `${file.size} ${file.lastModified} ${path}`;
  }

  oid(path, file) {
    return this.found.oids[Memory.mark(file, path)];
  }

  parts(oid) {
    return this.found.parts[oid] ||= {};
  }

  keep(change) {
    change(this.found);
    this.found.at = Date.now();
    try {
      localStorage.setItem(this.key, JSON.stringify(this.found));
      const others = Object.keys(localStorage).filter((key) => key.startsWith(KEY) && key !== this.key);
      const at = (key) => JSON.parse(localStorage.getItem(key)).at || 0;
      others.sort((a, b) => at(b) - at(a)).slice(KEPT).forEach((key) => localStorage.removeItem(key));
    } catch { /* Full, or not allowed. */ }
  }

  forget() {
    try {
      localStorage.removeItem(this.key);
    } catch { /* As above. */ }
  }
}

// An upload that can be stopped and continued. `show(path, state, share)` is called with the progress of a file; the state is a key of the words.
export class Upload {
  constructor({ target, entries, message, show, onWait }) {
    Object.assign(this, { target, entries, message, show });
    this.stopping = new AbortController();
    this.options = { signal: this.stopping.signal, onWait };
    this.memory = new Memory(target.repository);
    this.collection = target.isDataset ? "datasets" : "models";
  }

  stop() {
    this.stopping.abort();
  }

  // Resolves to the commit. Throws Refused, LoggedOut, Stopped; everything that was sent is kept.
  async run() {
    await this.create();
    const planned = await this.plan();
    const large = planned.filter((each) => each.isLarge);
    await this.hash(large);
    await this.sendLarge(large);
    const made = await this.commit(planned);
    this.memory.forget();
    return made;
  }

  // Creates the repository. One that exists already is the caller's: the check has said so.
  async create() {
    if (this.target.exists) return;
    const [organization, name] = this.target.repository.split("/");
    const body = { organization, name, type: this.target.isDataset ? "dataset" : "model", private: this.target.isPrivate };
    try {
      await callJson("/api/repos/create", body, this.options);
    } catch (error) {
      if (!(error instanceof Refused && error.status === 409)) throw error;
    }
    this.target.exists = true;
  }

  async plan() {
    const planned = [];
    let inline = 0;
    for (let at = 0; at < this.entries.length; at += PLANNED) {
      const some = this.entries.slice(at, at + PLANNED);
      const files = await Promise.all(some.map(async ({ path, file }) => ({ path, size: file.size, sample: await base64(file.slice(0, 512)) })));
      const answer = await callJson(`/api/${this.collection}/${this.target.repository}/preupload/main`, { files }, this.options);
      this.parent = this.target.head || answer.commitOid;
      answer.files.forEach((each, place) => {
        const { path, file } = some[place];
        if (each.shouldIgnore) {
          this.show(path, "ignored");
          return;
        }
        const isLarge = each.uploadMode === "lfs" || inline + file.size > MAX_INLINE;
        if (!isLarge) inline += file.size;
        planned.push({ path, file, isLarge });
        this.show(path, "waiting");
      });
    }
    return planned;
  }

  async hash(large) {
    const unknown = large.filter((each) => !(each.oid = this.memory.oid(each.path, each.file)));
    if (!unknown.length) return;
    const worker = new Worker(`${root}/static/publish/hash_worker.js`, { type: "module" });
    try {
      for (const [id, each] of unknown.entries()) {
        if (this.stopping.signal.aborted) throw new Stopped("stopped");
        each.oid = await this.hashOne(worker, id, each);
        this.memory.keep((found) => { found.oids[Memory.mark(each.file, each.path)] = each.oid; });
      }
    } finally {
      worker.terminate();
    }
  }

  hashOne(worker, id, { path, file }) {
    return new Promise((resolve, reject) => {
      this.stopping.signal.addEventListener("abort", () => reject(new Stopped("stopped")), { once: true });
      worker.onerror = () => reject(new Refused(words.no_worker, 0));
      worker.onmessage = ({ data }) => {
        if (data.id !== id) return;
        if (data.oid) resolve(data.oid);
        else if (data.problem) reject(new Refused(fillIn(words.unreadable, { name: path, reason: data.problem }), 0));
        else this.show(path, "reading", data.done / (file.size || 1));
      };
      worker.postMessage({ id, file });
    });
  }

  async sendLarge(large) {
    const waiting = [...large];
    const send = async () => {
      for (let each = waiting.shift(); each; each = waiting.shift()) await this.sendOne(each);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, send));
  }

  // Sends a file unless the server has it. A link that has expired, and parts that the server has lost, are asked for again.
  async sendOne({ path, file, oid }) {
    for (let attempt = 0; ; attempt += 1) {
      const action = await this.action(path, file, oid);
      if (!action) break;
      try {
        if (action.header) await this.sendParts(path, file, oid, action);
        else await call("PUT", action.href, file, { ...this.options, isLink: true, onProgress: (sent) => this.show(path, "sending", sent / (file.size || 1)) });
        break;
      } catch (error) {
        const isStale = error instanceof Refused && (error.status === 401 || error.status === 400);
        if (!isStale || attempt === 2) throw error;
        this.memory.keep((found) => {
          delete found.parts[oid];
          if (error.status === 400) delete found.oids[Memory.mark(file, path)];
        });
        if (error.status === 400 && !action.header) throw new Refused(fillIn(words.changed, { name: path }), 400);
      }
    }
    this.show(path, "stored", 1);
  }

  // Returns the link for an object, nothing if the server has it already.
  async action(path, file, oid) {
    const prefix = this.target.isDataset ? "/datasets" : "";
    const body = { operation: "upload", transfers: ["basic", "multipart"], objects: [{ oid, size: file.size }] };
    const { objects: [planned] } = await callJson(`${prefix}/${this.target.repository}.git/info/lfs/objects/batch`, body, this.options);
    if (planned.error) throw new Refused(`\`${path}\`: ${planned.error.message}`, planned.error.code);
    return planned.actions && planned.actions.upload;
  }

  async sendParts(path, file, oid, { href, header }) {
    const size = Number(header.chunk_size);
    const count = Math.ceil(file.size / size);
    const known = this.memory.parts(oid);
    for (let number = 1; number <= count; number += 1) {
      if (known[number]) continue;
      const from = (number - 1) * size;
      const part = file.slice(from, from + size);
      const onProgress = (sent) => this.show(path, "sending", (from + sent) / file.size);
      const answer = await call("PUT", header[number], part, { ...this.options, isLink: true, onProgress });
      this.memory.keep((found) => { (found.parts[oid] ||= {})[number] = answer.header("ETag"); });
      known[number] = answer.header("ETag");
    }
    this.show(path, "joining", 1);
    const parts = Array.from({ length: count }, (_, place) => ({ partNumber: place + 1, etag: known[place + 1] }));
    await callJson(href, { oid, parts }, { ...this.options, isLink: true });
  }

  async commit(planned) {
    const lines = [{ key: "header", value: { summary: this.message, description: "", parentCommit: this.parent } }];
    for (const { path, file, oid, isLarge } of planned) {
      if (isLarge) lines.push({ key: "lfsFile", value: { path, algo: "sha256", oid, size: file.size } });
      else lines.push({ key: "file", value: { path, content: await base64(file), encoding: "base64" } });
    }
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    const small = planned.filter((each) => !each.isLarge);
    small.forEach((each) => this.show(each.path, "sending", 0));
    const answer = await call("POST", `/api/${this.collection}/${this.target.repository}/commit/main`, body, {
      ...this.options, headers: { "Content-Type": "application/x-ndjson" },
    });
    small.forEach((each) => this.show(each.path, "stored", 1));
    return JSON.parse(answer.text);
  }
}
