"""What a published folder may contain: named decently, whole, and nothing that runs code when it is read."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from hub.errors import Unreachable, WrongName, WrongSource
from hub.names import check_path

PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
"""Suffixes of files that are pickles by custom. Reading one can run any code."""
IGNORED = frozenset({".cache", ".git", ".DS_Store", "__pycache__"})
"""Left out silently, as Hugging Face's own uploads do."""
_PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_ZIP_START = b"PK\x03\x04"


def check_contents(folder: Path) -> list[str]:
    """Relative paths of everything in `folder`, sorted. Raises WrongSource or WrongName with every problem."""
    if not folder.is_dir():
        raise WrongSource(f"{folder} is no folder: name one that holds README.md and weights.")
    try:
        paths = _paths(folder)
        problems = [problem for path in paths if (problem := _problem(folder, path))]
    except OSError as error:
        raise Unreachable(f"cannot read {error.filename or folder}: {error.strerror}.") from error
    if problems:
        raise WrongSource(f"{folder.name} cannot be published: {'; '.join(problems)}.")
    return paths


def _paths(folder: Path) -> list[str]:
    """Files below `folder`; links to files count as files, links to folders are refused."""
    paths = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in IGNORED)
        linked = [each for each in folders if (Path(parent) / each).is_symlink()]
        if linked:
            raise WrongSource(f"{linked[0]} is a link to a folder: copy what it holds instead.")
        paths += [(Path(parent) / each).relative_to(folder).as_posix() for each in files if each not in IGNORED]
    twins: dict[str, str] = {}
    for path in sorted(paths):
        check_path(path)
        twin = twins.setdefault(path.lower(), path)
        if twin != path:
            raise WrongName(
                f"`{twin}` and `{path}` differ in upper and lower case alone: not every file system keeps both."
            )
    return sorted(paths)


def _problem(folder: Path, path: str) -> str | None:
    file = folder / path
    if not file.is_file():
        return f"`{path}` is neither a file nor a folder"
    if path.lower().endswith(PICKLES) or _is_pickle(file):
        return f"`{path}` is a pickle, which can run code: convert it to safetensors"
    return _broken_weights(file, path) if path.lower().endswith(".safetensors") else None


def _is_pickle(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(4)
    if start.startswith(_ZIP_START) and zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            return any(name.lower().endswith(PICKLES) for name in archive.namelist())
    return start.startswith(_PICKLE_STARTS)


def _broken_weights(file: Path, path: str) -> str | None:
    """Why a safetensors file is not whole; its header must account for every byte."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as weights:
            weights.keys()
    except SafetensorError as error:
        return f"`{path}` is no whole safetensors file, it was cut, extended or damaged ({error})"
    return None
