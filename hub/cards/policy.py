"""Check the files of a published folder: valid names, complete weights, nothing that can run code."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from hub.weights.header import weights_problem
from hub.errors import Unreachable, InvalidPath, InvalidSource
from hub.names import check_path

PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
"""Suffixes of files that are usually pickles, which can run code when read."""
IGNORED = frozenset({".cache", ".git", ".DS_Store", "__pycache__"})
"""Files and folders that are skipped, as in Hugging Face's uploads."""
ARCHIVES = (
    ".7z", ".bz2", ".egg", ".gz", ".jar", ".keras", ".lz4", ".npz", ".rar", ".tar", ".tgz", ".txz", ".whl", ".xz", ".zip", ".zst",
)  # fmt: skip
PROGRAMS = (
    ".apk", ".bat", ".class", ".cmd", ".com", ".deb", ".dll", ".dylib", ".exe", ".msi", ".ps1", ".rpm", ".scr", ".so", ".vbs", ".wasm",
)  # fmt: skip
_START = 512
"""Number of bytes that are read to recognise a file."""
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
    "archive": "an archive, whose contents cannot be checked: publish the files themselves",
    "program": "a program: publish its output or its source",
}


def check_contents(folder: Path) -> list[str]:
    """Return the relative paths of all files in `folder`, sorted. Raises InvalidSource with every problem, InvalidPath, Unreachable."""
    if not folder.is_dir():
        raise InvalidSource(f"`{folder}` is not a folder: choose one with README.md and weights.")
    try:
        paths = _paths(folder)
        problems = [problem for path in paths if (problem := _problem(folder, path))]
    except OSError as error:
        raise Unreachable(f"cannot read {error.filename or folder}: {error.strerror}.") from error
    if problems:
        raise InvalidSource(f"`{folder.name}` cannot be published: {'; '.join(problems)}.")
    return paths


def _paths(folder: Path) -> list[str]:
    """List the files below `folder`. Links to files are followed, links to folders are refused."""
    paths = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in IGNORED)
        linked = [each for each in folders if (Path(parent) / each).is_symlink()]
        if linked:
            raise InvalidSource(f"`{linked[0]}` is a link to a folder: copy the contents of that folder instead.")
        paths += [(Path(parent) / each).relative_to(folder).as_posix() for each in files if each not in IGNORED]
    check_duplicates(paths)
    return sorted(paths)


def check_duplicates(paths: Iterable[str]) -> None:
    """Raise InvalidPath for an invalid path, or for two that differ only in case."""
    known: dict[str, str] = {}
    for path in sorted(paths):
        check_path(path)
        duplicate = known.setdefault(path.lower(), path)
        if duplicate != path:
            raise InvalidPath(
                f"`{duplicate}` and `{path}` differ only in case, which some file systems do not support: rename one."
            )


def file_problem(path: str, opened: BinaryIO, size_bytes: int, *, allow_unsafe_files: bool = False) -> str | None:
    """Return why a file cannot be published under `path`, or None. `allow_unsafe_files` allows files that can run code."""
    name = path.lower()
    if not allow_unsafe_files and (kind := kind_of(path, opened)):
        return f"`{path}` is {_REASONS[kind]}"
    if not name.endswith(".safetensors"):
        return None
    opened.seek(0)
    problem = weights_problem(opened, size_bytes)
    return f"`{path}` is not a valid safetensors file: truncated or corrupted ({problem})" if problem else None


def kind_of(path: str, opened: BinaryIO) -> str:
    """Return the kind of a file that can run code, by its name or first bytes: `pickle`, `archive`, `program`, or empty."""
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
