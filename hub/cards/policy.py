"""What a published folder may contain: named decently, whole, and nothing that runs code when it is read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from hub.weights.header import weights_problem
from hub.errors import Unreachable, WrongPath, WrongSource
from hub.names import check_path

PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
"""Suffixes of files that are pickles by custom. Reading one can run any code."""
IGNORED = frozenset({".cache", ".git", ".DS_Store", "__pycache__"})
"""Left out silently, as Hugging Face's own uploads do."""
ARCHIVES = (
    ".7z", ".bz2", ".egg", ".gz", ".jar", ".keras", ".lz4", ".npz", ".rar", ".tar", ".tgz", ".txz", ".whl", ".xz", ".zip", ".zst",
)  # fmt: skip
PROGRAMS = (
    ".apk", ".bat", ".class", ".cmd", ".com", ".deb", ".dll", ".dylib", ".exe", ".msi", ".ps1", ".rpm", ".scr", ".so", ".vbs", ".wasm",
)  # fmt: skip
_START = 512
"""Bytes that tell what a file is."""
_PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_ARCHIVE_STARTS = (
    b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c",
    b"Rar!", b"\x04\x22\x4d\x18",
)  # fmt: skip
_PROGRAM_STARTS = (
    b"\x7fELF", b"#!", b"\0asm", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)  # fmt: skip

_REASONS = {
    "pickle": "a pickle, which can run code: convert it to safetensors",
    "archive": "an archive, whose content cannot be judged: publish the files themselves",
    "program": "a program: publish what it makes, or its source",
}


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
    check_twins(paths)
    return sorted(paths)


def check_twins(paths: Iterable[str]) -> None:
    """Raises WrongPath for a path that no repository may hold, or two that differ in case alone."""
    twins: dict[str, str] = {}
    for path in sorted(paths):
        check_path(path)
        twin = twins.setdefault(path.lower(), path)
        if twin != path:
            raise WrongPath(
                f"`{twin}` and `{path}` differ in upper and lower case alone: not every file system keeps both."
            )


def file_problem(path: str, opened: BinaryIO, size_bytes: int, *, any_file: bool = False) -> str | None:
    """Why a file may not be published under `path`; None when it may. `any_file` allows what may run code."""
    name = path.lower()
    if not any_file and (kind := kind_of(path, opened)):
        return f"`{path}` is {_REASONS[kind]}"
    if not name.endswith(".safetensors"):
        return None
    opened.seek(0)
    problem = weights_problem(opened, size_bytes)
    return f"`{path}` is no whole safetensors file, it was cut, extended or damaged ({problem})" if problem else None


def kind_of(path: str, opened: BinaryIO) -> str:
    """What runs code in a file, by its name or its first bytes: `pickle`, `archive`, `program`; empty when nothing does."""
    name, start = path.lower(), opened.read(_START)
    if name.endswith(PICKLES) or start.startswith(_PICKLE_STARTS):
        return "pickle"
    if name.endswith(ARCHIVES) or start.startswith(_ARCHIVE_STARTS) or start[257:262] == b"ustar":
        return "archive"
    is_windows = start.startswith(b"MZ") and b"\0" in start
    return "program" if name.endswith(PROGRAMS) or start.startswith(_PROGRAM_STARTS) or is_windows else ""


def _problem(folder: Path, path: str) -> str | None:
    file = folder / path
    if not file.is_file():
        return f"`{path}` is neither a file nor a folder"
    with file.open("rb") as opened:
        return file_problem(path, opened, file.stat().st_size)
