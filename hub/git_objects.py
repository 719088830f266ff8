"""Compute git object ids, which the protocol returns for every tree entry.

Git stores short texts itself. Of all other files it sees a Git LFS pointer, and clients verify the content with the SHA-256 in it.
The rule depends on path and size only, so ids of large files are computed without reading them.
Source: git-lfs specification, "The Pointer"; Pro Git, §10.2 "Git Objects".
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping

from hub.records import File

ATTRIBUTES = ".gitattributes"
MAX_TEXT = 1 << 20
"""Bytes of the largest text stored in git: the most that clients send inline in a commit."""
TEXT_SUFFIXES = (
    ".cfg", ".csv", ".html", ".ini", ".jinja", ".json", ".jsonl", ".md", ".py", ".rst", ".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml",
)  # fmt: skip
TEXT_NAMES = (ATTRIBUTES, ".gitignore", "LICENSE", "NOTICE")


def in_git(file: File) -> bool:
    """Return whether git stores the content: short texts, by their names, and empty files, whose LFS pointer is empty too."""
    return file.size_bytes == 0 or (is_text_name(file.path) and file.size_bytes <= MAX_TEXT)


def is_text_name(path: str) -> bool:
    """Return whether the name is that of a text file. It is case-sensitive, like patterns of git."""
    return path.endswith(TEXT_SUFFIXES) or path.rpartition("/")[2] in TEXT_NAMES


def pointer(file: File) -> bytes:
    """Return the LFS pointer that represents a file in git."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.digest}\nsize {file.size_bytes}\n".encode()


def blob_id(content: bytes) -> str:
    """Return the id of a git blob: 40 hex digits."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def tree_id(files: Mapping[str, str], folders: Mapping[str, str]) -> str:
    """Return the id of a git tree from the ids of its direct files and folders, by name."""
    entries = [(name, b"100644", oid) for name, oid in files.items()]
    entries += [(f"{name}/", b"40000", oid) for name, oid in folders.items()]  # Git sorts folders as `name/`.
    content = b"".join(
        b"%s %s\0" % (mode, name.rstrip("/").encode()) + bytes.fromhex(oid)
        for name, mode, oid in sorted(entries, key=lambda entry: entry[0].encode())
    )
    return hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def folder_ids(blobs: Mapping[str, str], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the ids of all folders that contain these files, by path. Each id is computed once, innermost folders first.

    `blobs` maps paths of files to blob ids. `known` maps folders whose ids need not be computed, and whose files can be left out,
    to their ids; they are not returned.
    """
    known = known or {}
    direct: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path, oid in blobs.items():
        folder, _, name = path.rpartition("/")
        direct[folder][name] = oid
    folders = set[str]()
    for above in direct:
        folder = above
        while folder and folder not in folders and folder not in known:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    inner: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for folder, oid in known.items():
        parent, _, name = folder.rpartition("/")
        if parent and parent not in known:
            inner[parent][name] = oid
            above = parent
            while above and above not in folders:
                folders.add(above)
                above = above.rpartition("/")[0]
    found = {}
    for folder in sorted(folders, key=lambda each: each.count("/"), reverse=True):
        found[folder] = tree_id(direct.get(folder, {}), inner.get(folder, {}))
        parent, _, name = folder.rpartition("/")
        inner[parent][name] = found[folder]
    return found
