"""Decide which files git stores itself and which are Git LFS pointers, and write the matching `.gitattributes`.

The rule depends on path and size only, so commit ids can be computed without reading large files and `.gitattributes` can
state the rule exactly: a file with the LFS filter that is not a pointer would show as modified in every fresh clone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hub.git_objects import TEXT_NAMES, TEXT_SUFFIXES, in_git, is_text_name
from hub.records import File

_FILTERED, _PLAIN = "filter=lfs diff=lfs merge=lfs", "!filter !diff !merge"


def attributes(files: Iterable[File], own: bytes = b"") -> bytes:
    """Return `.gitattributes` for a revision. The author's own lines, `own`, come first: in git the last match wins."""
    long = sorted(file.path for file in files if is_text_name(file.path) and not in_git(file))
    lines = ["# Written by the server: short texts are in git, everything else is stored by Git LFS."]
    lines += [f"* -text {_FILTERED}"]
    lines += [f"{pattern} {_PLAIN}" for pattern in (*(f"*{suffix}" for suffix in TEXT_SUFFIXES), *TEXT_NAMES)]
    lines += [f"{_pattern(path)} {_FILTERED}" for path in long]
    head = own.rstrip(b"\n") + b"\n" if own.strip() else b""
    return head + "".join(f"{line}\n" for line in lines).encode()


def _pattern(path: str) -> str:
    """Return a quoted pattern that matches exactly this path, which may contain spaces and brackets."""
    literal = re.sub(r"([\[\]!#])", r"\\\1", path).replace("\\", "\\\\")
    return f'"/{literal}"'
