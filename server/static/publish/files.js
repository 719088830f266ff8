// The files of a folder: choosing, dropping, and what the server is told of them before the upload.
import { fillIn, words } from "./words.js";

const START_BYTES = 512;
const MAX_TEXT = 4 << 20;
const MAX_HEADER = 25 << 20;

// Returns the chosen files as { path, file }. The name of the folder itself is left out.
export function chosen(list) {
  return Array.from(list, (file) => {
    const [, ...inside] = (file.webkitRelativePath || "").split("/");
    return { path: inside.length ? inside.join("/") : file.name, file };
  });
}

// Returns what was dropped: files, and the content of folders. One folder alone is the folder to publish.
export async function dropped(transfer) {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return Array.from(transfer.files, (file) => ({ path: file.name, file }));
  const found = [];
  const isFolder = entries.length === 1 && entries[0].isDirectory;
  for (const entry of entries) await walk(entry, isFolder ? null : "", found);
  return found;
}

async function walk(entry, above, found) {
  const path = above === null ? "" : `${above}${entry.name}`;
  if (entry.isFile) {
    found.push({ path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // A reader returns a folder in pieces.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) await walk(each, path ? `${path}/` : "", found);
  }
}

export function isDescription(path) {
  return path === "README.md" || /^([^/]+\/)?config\.json$/.test(path);
}

// Returns what the server checks: names, sizes, first bytes, headers of weights, and the texts of card and configurations.
export async function described(entries, maxBytes) {
  const listed = [];
  let left = maxBytes - entries.length * 1024; // Room for the names and first bytes of all.
  for (const { path, file } of entries) {
    const each = { path, size: file.size, start: await base64(file.slice(0, START_BYTES)) };
    if (isDescription(path) && file.size <= MAX_TEXT) {
      const text = await file.text();
      const size = JSON.stringify(text).length * 3;
      if (size < left) {
        each.text = text;
        left -= size;
      }
    }
    const length = await headerLength(file);
    if (length * 4 / 3 < left && length > START_BYTES) {
      each.start = await base64(file.slice(0, length));
      left -= each.start.length;
    }
    listed.push(each);
  }
  return listed;
}

// Returns the bytes of a safetensors file up to the end of its header; 0 for other files.
async function headerLength(file) {
  if (file.size < 9) return 0;
  const view = new DataView(await file.slice(0, 9).arrayBuffer());
  const length = Number(view.getBigUint64(0, true));
  return view.getUint8(8) === 0x7b && length <= MAX_HEADER ? 8 + length : 0;
}

export async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}

export function inBytes(size) {
  let unit = 0;
  while (size >= 1000 && unit < words.units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const decimals = unit ? 1 : 0;
  const format = { minimumFractionDigits: decimals, maximumFractionDigits: decimals, numberingSystem: "latn" };
  return fillIn(words.units[unit], { amount: size.toLocaleString(document.documentElement.lang, format) });
}
