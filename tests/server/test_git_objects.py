"""Object ids agree with git's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hub.names import Digest
from hub.records import File
from server.protocol.git_objects import blob_id, pointer, tree_id
from server.protocol.tree import tree_entries


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_folders_and_files_have_the_ids_git_gives_them(tmp_path: Path):
    files = tuple(
        File(path, Digest(f"{number:064x}"), number) for number, path in enumerate(["a/b/c", "a/b.txt", "a/b-c", "z"])
    )
    git(tmp_path, "init", "-q")
    for file in files:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_bytes(pointer(file))
    git(tmp_path, "add", ".")
    top = git(tmp_path, "write-tree")
    listed = dict(reversed(line.split()[2:]) for line in git(tmp_path, "ls-tree", "-r", "-t", top).splitlines())
    entries = {entry["path"]: entry["oid"] for entry in tree_entries(files, "", recursive=True)}
    assert entries == listed
    assert tree_id({"z": entries["z"]}, {"a": entries["a"]}) == top


def test_an_empty_blob_has_gits_well_known_id():
    assert blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
