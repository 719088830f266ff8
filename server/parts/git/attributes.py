"""Which files are in git itself and which are pointers of Git LFS, and the `.gitattributes` that tells git-lfs so.

The rule sees path and size alone, so that a commit's id can be computed without reading large files, and `.gitattributes`
can state it exactly: a file for which the filter is set and which is no pointer would look changed in every fresh clone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hub.records import File

ATTRIBUTES = ".gitattributes"
LARGEST_TEXT = 1 << 20
"""Bytes of a text that git itself holds: as much as clients send within a commit."""
_SUFFIXES = (
    ".cfg", ".csv", ".html", ".ini", ".jinja", ".json", ".jsonl", ".md", ".py", ".rst", ".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml",
)  # fmt: skip
_NAMES = (ATTRIBUTES, ".gitignore", "LICENSE", "NOTICE")
_FILTERED, _PLAIN = "filter=lfs diff=lfs merge=lfs", "!filter !diff !merge"


def in_git(file: File) -> bool:
    """Whether git holds the bytes themselves: short texts, by their names, and empty files, whose pointer is empty too."""
    return file.size_bytes == 0 or (_named_as_text(file.path) and file.size_bytes <= LARGEST_TEXT)


def attributes(files: Iterable[File], own: bytes = b"") -> bytes:
    """The content of `.gitattributes` for a revision. What its author wrote, `own`, comes first: git obeys the last line."""
    long = sorted(file.path for file in files if _named_as_text(file.path) and not in_git(file))
    lines = ["# Written by the server: short texts are in git, everything else is kept by Git LFS."]
    lines += [f"* -text {_FILTERED}"]
    lines += [f"{pattern} {_PLAIN}" for pattern in (*(f"*{suffix}" for suffix in _SUFFIXES), *_NAMES)]
    lines += [f"{_pattern(path)} {_FILTERED}" for path in long]
    head = own.rstrip(b"\n") + b"\n" if own.strip() else b""
    return head + "".join(f"{line}\n" for line in lines).encode()


def _named_as_text(path: str) -> bool:
    """Upper case is another name: git compares patterns letter by letter."""
    return path.endswith(_SUFFIXES) or path.rpartition("/")[2] in _NAMES


def _pattern(path: str) -> str:
    """A pattern for exactly this path, in git's double quotes: names may hold spaces and brackets."""
    literal = re.sub(r"([\[\]!#])", r"\\\1", path).replace("\\", "\\\\")
    return f'"/{literal}"'
