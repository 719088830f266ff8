// The steps of Hugging Face's JavaScript client: each prints a line of JSON, as those of tests/clients/journey do.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as hub from "@huggingface/hub";

console.log = console.info = console.debug = console.error; // The client writes to the console, and steps to standard output.
const hubUrl = process.env.HF_ENDPOINT;
const accessToken = process.env.HF_TOKEN;
const guestToken = process.argv[process.argv.indexOf("--guest-token") + 1];
const own = { hubUrl, accessToken };
const text = "Ẹ ǹ lẹ́\n";
const me = (await hub.whoAmI(own)).name;

async function statusOf(call) {
  try {
    await call();
  } catch (error) {
    return error.statusCode;
  }
  throw new Error("expected an error");
}

async function filesOf(options) { // Every new repository has a `.gitattributes`.
  return (await all(hub.listFiles(options))).filter((each) => each.path !== ".gitattributes");
}

async function all(iterator) {
  const found = [];
  for await (const each of iterator) found.push(each);
  return found;
}

async function repoWith(name, files = {}, type = "model", options = {}) {
  const repo = { type, name: `${me}/${name}` };
  await hub.createRepo({ repo, ...own, ...options });
  const operations = Object.entries(files).map(([path, content]) => ({
    operation: "addOrUpdate",
    path,
    content: new Blob([content]),
  }));
  if (operations.length) await hub.commit({ repo, ...own, title: "Begin", operations });
  return repo;
}

async function fetched(repo, path, options = {}) {
  const blob = await hub.downloadFile({ repo, path, ...own, ...options });
  return blob && Buffer.from(await blob.arrayBuffer());
}

const steps = {
  "`whoAmI`, `checkRepoAccess`": async () => {
    assert.equal((await hub.whoAmI(own)).type, "user");
    const repo = await repoWith("js-access", {}, "model", { private: true });
    await hub.checkRepoAccess({ repo, ...own });
    assert.equal(await statusOf(() => hub.checkRepoAccess({ repo, hubUrl, accessToken: guestToken })), 404);
  },
  "`createRepo`, `repoExists`, `deleteRepo`": async () => {
    const repo = await repoWith("js-created");
    assert.equal(await hub.repoExists({ repo, ...own }), true);
    assert.equal(await statusOf(() => hub.createRepo({ repo, ...own })), 409);
    await hub.deleteRepo({ repo, ...own });
    assert.equal(await hub.repoExists({ repo, ...own }), false);
    await hub.createRepo({ repo, ...own });
  },
  "`uploadFile`, `uploadFiles`: texts and large files": async () => {
    const repo = await repoWith("js-uploads");
    const large = randomBytes(1_500_000);
    await hub.uploadFile({ repo, ...own, file: { path: "a.txt", content: new Blob([text]) } });
    const files = [{ path: "b/c.txt", content: new Blob([text]) }, { path: "d.parquet", content: new Blob([large]) }];
    await hub.uploadFiles({ repo, ...own, files });
    assert.equal((await fetched(repo, "a.txt")).toString(), text);
    assert.deepEqual(await fetched(repo, "d.parquet"), large);
  },
  "`uploadFiles` without Xet: LFS (`hash_algo: sha_256`)": async () => {
    const repo = await repoWith("js-lfs");
    const large = randomBytes(200_000);
    await hub.uploadFiles({ repo, ...own, useXet: false, files: [{ path: "a.parquet", content: new Blob([large]) }] });
    assert.deepEqual(await fetched(repo, "a.parquet"), large);
  },
  "`commit`: add, edit and delete": async () => {
    const repo = await repoWith("js-commit", { "a.txt": text, "b.txt": text, "c/d.txt": text });
    const operations = [
      { operation: "addOrUpdate", path: "e.txt", content: new Blob(["e"]) },
      { operation: "delete", path: "a.txt" },
      { operation: "delete", path: "c" },
    ];
    const done = await hub.commit({ repo, ...own, title: "Change", operations });
    assert.ok(done.commit.url.startsWith(`${hubUrl}/${repo.name}/commit/`), done.commit.url);
    const paths = (await filesOf({ repo, ...own, recursive: true })).map((each) => each.path);
    assert.deepEqual(paths.sort(), ["b.txt", "e.txt"]);
  },
  "`deleteFile`, `deleteFiles`": async () => {
    const repo = await repoWith("js-delete", { "a.txt": text, "b.txt": text, "c.txt": text, "d.txt": text });
    await hub.deleteFile({ repo, ...own, path: "a.txt" });
    await hub.deleteFiles({ repo, ...own, paths: ["b.txt", "c.txt"] });
    assert.deepEqual((await filesOf({ repo, ...own })).map((each) => each.path), ["d.txt"]);
  },
  "`downloadFile` of a range, `fileExists`, `fileDownloadInfo`": async () => {
    const repo = await repoWith("js-download", { "a.txt": text });
    const blob = await hub.downloadFile({ repo, path: "a.txt", ...own });
    assert.equal(Buffer.from(await blob.slice(0, 3).arrayBuffer()).toString(), "Ẹ");
    assert.equal(await hub.downloadFile({ repo, path: "absent.txt", ...own }), null);
    assert.equal(await hub.fileExists({ repo, path: "a.txt", ...own }), true);
    assert.equal(await hub.fileExists({ repo, path: "absent.txt", ...own }), false);
    assert.equal((await hub.fileDownloadInfo({ repo, path: "a.txt", ...own })).size, Buffer.byteLength(text));
  },
  "`downloadFileToCacheDir`, `snapshotDownload`": async () => {
    const repo = await repoWith("js-cache", { "a.txt": text, "b/c.parquet": randomBytes(50_000) });
    const cacheDir = await mkdtemp(join(tmpdir(), "cache-"));
    const path = await hub.downloadFileToCacheDir({ repo, path: "a.txt", cacheDir, ...own });
    assert.equal(await readFile(path, "utf8"), text);
    const folder = await hub.snapshotDownload({ repo, cacheDir, ...own });
    assert.equal((await readFile(join(folder, "b/c.parquet"))).length, 50_000);
  },
  "`listFiles`: recursive, expanded; `pathsInfo`": async () => {
    const repo = await repoWith("js-list", { "a.txt": text, "b/c.parquet": randomBytes(1000) });
    const files = await filesOf({ repo, ...own, recursive: true, expand: true });
    assert.deepEqual(files.map((each) => each.path).sort(), ["a.txt", "b", "b/c.parquet"]);
    assert.ok(files.every((each) => each.lastCommit.title === "Begin"));
    assert.deepEqual(files.filter((each) => each.lfs).map((each) => each.path), ["b/c.parquet"]);
    const [found] = await hub.pathsInfo({ repo, paths: ["b/c.parquet", "absent"], ...own });
    assert.equal(found.lfs.size, 1000);
  },
  "`listModels`, `listDatasets`": async () => {
    await repoWith("js-both", { "a.txt": text });
    await repoWith("js-both", { "b.txt": text }, "dataset");
    const names = async (list) => (await all(list({ search: { owner: me, query: "js-both" }, ...own }))).map((each) => each.name);
    assert.deepEqual(await names(hub.listModels), [`${me}/js-both`]);
    assert.deepEqual(await names(hub.listDatasets), [`${me}/js-both`]);
  },
  "`modelInfo`, `datasetInfo`: of the revision `HEAD`": async () => {
    const repo = await repoWith("js-info", { "a.txt": text }, "dataset", { private: true });
    const info = await hub.datasetInfo({ name: repo.name, ...own, additionalFields: ["sha"] });
    assert.ok(info.private && info.sha.length === 40);
    await repoWith("js-info");
    assert.equal((await hub.modelInfo({ name: repo.name, ...own })).private, false);
  },
  "`createBranch`, `listCommits`, `countCommits`, `deleteBranch`": async () => {
    const repo = await repoWith("js-branch", { "a.txt": text });
    await hub.createBranch({ repo, branch: "next", ...own });
    await hub.uploadFile({ repo, ...own, branch: "next", file: { path: "b.txt", content: new Blob([text]) } });
    assert.equal((await all(hub.listCommits({ repo, revision: "next", ...own }))).length, 3);
    assert.equal(await hub.countCommits({ repo, revision: "main", ...own }), 2);
    await hub.deleteBranch({ repo, branch: "next", ...own });
    assert.equal(await statusOf(() => all(hub.listFiles({ repo, revision: "next", ...own }))), 404);
  },
};

for (const [name, walk] of Object.entries(steps)) {
  let [outcome, reason] = ["yes", ""];
  try {
    await walk();
  } catch (error) {
    [outcome, reason] = ["failed", `${error.stack}\n${JSON.stringify(error)}`];
  }
  process.stdout.write(`${JSON.stringify({ group: "javascript", name, outcome, reason })}\n`);
}
