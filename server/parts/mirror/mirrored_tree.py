"""List the content of folders of a mirrored commit, and compute the ids of folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hub.git_objects import folder_ids
from server.parts.mirror.mirrored_repositories import MirroredFile
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
    paths: Iterable[str], files: Mapping[str, MirroredFile], entry_of: Callable[[MirroredFile], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the entries of the requested files and folders in this order, without those that do not exist.

    The ids of folders are computed for the whole commit at once, and only if a folder is requested.
    """
    requested = list(paths)
    has_folders = any(path not in files for path in requested)
    folders = folder_ids({path: file.blob_id for path, file in files.items()}) if has_folders else {}
    return [
        entry_of(files[path]) if path in files else folder_entry(path, folders[path])
        for path in requested
        if path in files or path in folders
    ]
