"""Maximum number of files in a revision, maximum size of the files that describe it, and their names."""

from __future__ import annotations

from collections.abc import Iterable

MAX_FILES = 100_000
"""Maximum number of files of a revision."""
MAX_FOLDERS = 100_000
"""Maximum number of folders of a revision: files with 500 folders above each would have millions."""
MAX_CARD = 4 << 20
"""Maximum size of README.md and of a variant's config.json, in bytes."""


def folders_above(paths: Iterable[str]) -> set[str]:
    """Return the folders that contain files at these paths, or more than MAX_FOLDERS of them."""
    found = set[str]()
    for path in paths:
        above = path.rpartition("/")[0]
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
        if len(found) > MAX_FOLDERS:
            break
    return found


def is_described_by(path: str) -> bool:
    """Return whether the file at `path` describes the artifact: README.md, or the config.json of a variant or of the root."""
    folder, _, name = path.rpartition("/")
    return path == "README.md" or (name == "config.json" and "/" not in folder)
