"""Check the files of a published folder: valid names, complete weights, and no files that its policy refuses."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from hub.errors import InvalidPath, InvalidSource, Unreachable
from hub.names import check_path
from hub.weights.file_kind import ARCHIVE, PICKLE, PROGRAM, SAFETENSORS, START_BYTES, file_kind, kind_of_start
from hub.weights.header import SUFFIX, weights_problem

SAFETENSORS_ONLY, SCAN, ANY = "safetensors-only", "scan", "any"
POLICIES = {
    SAFETENSORS_ONLY: "no pickles, archives and programs",
    SCAN: "pickles and archives are stored, marked and scanned, but never loaded; no programs",
    ANY: "all files",
}
"""Each policy, and the files that it accepts. Files that can run code are scanned and marked under all of them."""
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
_PLAIN_NAMES = ("license", "notice", ".gitattributes", ".gitignore")
_PLAIN = (
    ".cfg", ".csv", ".gif", ".html", ".ini", ".jinja", ".jpeg", ".jpg", ".json", ".jsonl", ".md", ".png", ".py", ".rst", SUFFIX, ".toml",
    ".tsv", ".txt", ".webp", ".xml", ".yaml", ".yml",
)  # fmt: skip
"""Suffixes of texts, images and weights, which people open without a thought: no policy lets anything else have them."""
_REASONS = {
    PICKLE: "a pickle, which can run code: convert it to safetensors",
    ARCHIVE: "an archive, whose contents cannot be checked: publish the files themselves",
    PROGRAM: "a program: publish its output or its source",
}


def check_contents(folder: Path, policy: str) -> list[str]:
    """Return the relative paths of all files in `folder`, sorted. Raises InvalidSource with every problem, InvalidPath, Unreachable."""
    if not folder.is_dir():
        raise InvalidSource(f"`{folder}` is not a folder: choose one with README.md and weights.")
    try:
        paths = _paths(folder)
        problems = [problem for path in paths if (problem := _problem(folder, path, policy))]
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


def check_duplicates(paths: Iterable[str], before: Container[str] = ()) -> None:
    """Raise InvalidPath for an invalid path, or for two that differ only in case. `before`: paths that were checked already."""
    for _, problem in path_problems(paths, before):
        raise problem


def path_problems(paths: Iterable[str], before: Container[str] = ()) -> Iterator[tuple[str, InvalidPath]]:
    """Yield each invalid path, and each that differs only in case from another one, with the reason; see `check_duplicates`."""
    known: dict[str, str] = {}
    for path in sorted(paths):
        try:
            if path not in before:
                check_path(path)
        except InvalidPath as error:
            yield path, error
        duplicate = known.setdefault(path.lower(), path)
        if duplicate != path:
            yield path, InvalidPath(
                f"`{duplicate}` and `{path}` differ only in case, which some file systems do not support: rename one."
            )


def file_problem(path: str, opened: BinaryIO, size_bytes: int, *, policy: str) -> str | None:
    """Return why a file cannot be published under `path`, or None. Weights are checked under every policy."""
    content = file_kind(opened, size_bytes)
    if reason := _refusal(path, content, policy):
        return reason
    if not path.lower().endswith(SUFFIX) or content == SAFETENSORS:
        return None
    problem = weights_problem(opened, size_bytes)
    return f"`{path}` is not a valid safetensors file: truncated or corrupted ({problem})"


def sample_problem(path: str, start: bytes, *, policy: str) -> str | None:
    """Return why a file that begins with `start` cannot be published under `path`, or None if that is not known yet."""
    is_open = start[8:9] == b"{"  # It can still be safetensors, which only the whole header shows.
    return None if is_open else _refusal(path, kind_of_start(start[:START_BYTES]), policy)


def kind_of(path: str, opened: BinaryIO, size_bytes: int) -> str:
    """Return the kind of a file that can run code, by its bytes or its name: `pickle`, `archive`, `program`, or empty."""
    return _kind(path, file_kind(opened, size_bytes))


def _kind(path: str, content: str) -> str:
    if content:
        return "" if content == SAFETENSORS else content
    name = path.lower()
    named = {PICKLE: PICKLES, ARCHIVE: ARCHIVES, PROGRAM: PROGRAMS}
    return next((kind for kind, suffixes in named.items() if name.endswith(suffixes)), "")


def _refusal(path: str, content: str, policy: str) -> str:
    """Return why a policy refuses a file; empty if it does not."""
    kind = _kind(path, content)
    if not kind:
        return ""
    if policy == SAFETENSORS_ONLY or (policy == SCAN and kind == PROGRAM):
        return f"`{path}` is {_REASONS[kind]}"
    name = path.rpartition("/")[2].lower()
    if name.endswith(_PLAIN) or name in _PLAIN_NAMES:
        return f"`{path}` is {'an' if kind == ARCHIVE else 'a'} {kind} under the name of a plain file: rename it"
    return ""


def _problem(folder: Path, path: str, policy: str) -> str | None:
    file = folder / path
    if not file.is_file():
        return f"`{path}` is neither a file nor a folder"
    with file.open("rb") as opened:
        return file_problem(path, opened, file.stat().st_size, policy=policy)
