"""Match paths with the patterns of `.gitignore` and `.gitattributes`, as git does. See gitignore(5) and gitattributes(5).

The patterns are a stranger's: atomic groups, `(?>…)`, keep the time of a match in the order of the lengths of pattern and path, squared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from hub.errors import InvalidRequest

MAX_PATTERNS = 1000
"""Patterns that are read of a file; a longer file has no effect, as one that is not UTF-8."""
MAX_BYTES = 64 << 10
"""Bytes that are read of a file."""
MAX_MATCHES = 1_000_000
"""Patterns that are tried on the folders and files of one request: under a second."""
_MAX_PATTERN = 512
_SPECIAL = re.compile(r"\\(.)|(\[[!^]?\]?[^\]/]*\])|(\*+)|(\?)|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line of `.gitignore` or `.gitattributes`."""

    regex: re.Pattern[str]
    negated: bool = False
    folders_only: bool = False
    attributes: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def ignore_patterns(content: bytes) -> tuple[Pattern, ...]:
    """Return the patterns of a `.gitignore`."""
    patterns = []
    for line in _lines(content):
        text = re.sub(r"(?<!\\) +$", "", line)
        negated = text.startswith("!")
        text = text[negated:]
        if regex := _compile(text.removesuffix("/")):
            patterns.append(Pattern(regex, negated, text.endswith("/")))
    return tuple(patterns)


@lru_cache(maxsize=64)
def attribute_patterns(content: bytes) -> tuple[Pattern, ...]:
    """Return the patterns of a `.gitattributes`; those in quotes, which clients do not write, are left out."""
    patterns = []
    for line in _lines(content):
        text, *attributes = line.split()
        if not text.startswith(("!", '"')) and (regex := _compile(text)):
            patterns.append(Pattern(regex, attributes=tuple(attributes)))
    return tuple(patterns)


class Ignored:
    """The paths that a `.gitignore` excludes. It remembers folders, which the files of a request share."""

    def __init__(self, content: bytes) -> None:
        self._patterns = ignore_patterns(content)
        self._folders: dict[str, bool] = {"": False}
        self._matches = 0

    def __contains__(self, path: str) -> bool:
        """Return whether a file is excluded, or a folder that contains it: everything below an excluded folder stays excluded.

        Raises InvalidRequest after too many matches.
        """
        above = ""
        for name in path.split("/")[:-1]:
            folder = f"{above}/{name}" if above else name
            if folder not in self._folders:
                self._folders[folder] = self._folders[above] or self._last_match(folder, is_folder=True)
            above = folder
        return self._folders[above] or self._last_match(path, is_folder=False)

    def _last_match(self, path: str, *, is_folder: bool) -> bool:
        self._matches += len(self._patterns)
        if self._matches > MAX_MATCHES:
            raise InvalidRequest("too many folders for the patterns of `.gitignore`: upload fewer files at a time.")
        for pattern in reversed(self._patterns):
            if (is_folder or not pattern.folders_only) and pattern.regex.fullmatch(path):
                return not pattern.negated
        return False


def is_lfs(path: str, patterns: tuple[Pattern, ...]) -> bool:
    """Return whether the attribute `filter` of a file is `lfs`. The last pattern that sets it counts."""
    for pattern in reversed(patterns):
        set_here = [each for each in pattern.attributes if each.lstrip("-!").partition("=")[0] == "filter"]
        if set_here and pattern.regex.fullmatch(path):
            return set_here[-1] == "filter=lfs"
    return False


def _lines(content: bytes) -> Iterator[str]:
    """Yield the lines with patterns."""
    if len(content) > MAX_BYTES:
        return
    try:
        lines = [line for line in content.decode().splitlines() if line.strip() and not line.startswith("#")]
    except UnicodeDecodeError:
        return
    if len(lines) <= MAX_PATTERNS:
        yield from lines


def _compile(pattern: str) -> re.Pattern[str] | None:
    """Return the regular expression of a pattern; None if it cannot match anything."""
    segments = pattern.removeprefix("/").split("/")
    if not all(segments) or len(pattern) > _MAX_PATTERN:
        return None
    if "/" not in pattern:  # It matches at any level.
        segments.insert(0, "**")
    ends_open = segments[-1] == "**"  # Everything inside.
    runs: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            runs.append([])
        else:
            runs[-1].append(_segment(segment))
    first, *floating = runs
    last = [] if ends_open or not floating else floating.pop()
    parts = ["/".join(first) + "/" * bool(first and (runs[1:]))]
    # Between two `**` the leftmost match is as good as any other, so it need not be reconsidered.
    parts += [f"(?>(?:[^/]+/)*?{'/'.join(run)}/)" for run in floating if run]
    parts += [".+"] if ends_open else [f"(?:[^/]+/)*{'/'.join(last)}"] if last else []
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:  # Such as an inverted range of characters.
        return None


def _segment(text: str) -> str:
    """Return the regular expression of one level of a path."""
    pieces = [""]
    for found in _SPECIAL.finditer(text):
        escaped, among, stars, one, plain = found.groups()
        if stars:
            pieces.append("")
        elif among:
            inner = among[1:-1]
            mark = "^" if inner[:1] in {"!", "^"} else ""
            listed = re.sub(r"([\\\[\]^&~|])", r"\\\1", inner[len(mark) :])
            pieces[-1] += f"(?!/)[{mark}{listed}]"
        else:
            pieces[-1] += "[^/]" if one else re.escape(escaped or plain)
    first, *others = pieces
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + f"[^/]*{last}"
