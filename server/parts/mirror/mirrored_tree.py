"""List the content of folders of a mirrored commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from server.parts.mirror.mirrored_repositories import MirroredCommit, MirroredFile
from server.protocol.read.tree import folder_entry


def paths_below(paths: Iterable[str], folder: str, *, recursive: bool) -> list[str]:
    """Return the folders and files of `paths` below a folder, folders first, each sorted."""
    start = len(folder) + 1 if folder else 0
    files = [path for path in paths if not folder or path.startswith(f"{folder}/")]
    folders = set[str]()
    if not recursive:
        folders = {path[: path.index("/", start)] for path in files if "/" in path[start:]}
        files = [path for path in files if "/" not in path[start:]]
    for path in files:
        above = path.rpartition("/")[0]
        while len(above) > len(folder) and above not in folders:
            folders.add(above)
            above = above.rpartition("/")[0]
    return sorted(folders) + sorted(files)


def entries_at(
    paths: Iterable[str], commit: MirroredCommit, entry_of: Callable[[MirroredFile], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the entries of the requested files and folders in this order, without those that do not exist."""
    files = commit.by_path
    return [
        entry_of(files[path]) if path in files else folder_entry(path, commit.folders[path])
        for path in paths
        if path in files or path in commit.folders
    ]
