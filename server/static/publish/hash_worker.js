// Computes the SHA-256 of a file in pieces. The browser's own SubtleCrypto needs all of a file in memory.
import { sha256 } from "./noble-hashes/sha2.js";

const STEP = 4 << 20;

addEventListener("message", async ({ data: { id, file } }) => {
  try {
    const hash = sha256.create();
    for (let at = 0; at < file.size; at += STEP) {
      hash.update(new Uint8Array(await file.slice(at, at + STEP).arrayBuffer()));
      postMessage({ id, done: Math.min(at + STEP, file.size) });
    }
    postMessage({ id, oid: Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, "0")).join("") });
  } catch (error) {
    postMessage({ id, problem: error.message });
  }
});
