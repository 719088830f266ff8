"""Check files that a browser is about to upload, by their names, sizes and first bytes, as `hub push` checks those of a folder."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from hub.cards.policy import file_problem, path_problems, sample_problem
from hub.publish.checks.limits import MAX_CARD, MAX_FILES, folders_above, is_described_by
from hub.publish.checks.mistakes import MAX_SHOWN, Mistake
from hub.registry.uploads.xet_files import MAX_FILE_BYTES
from hub.weights.header import MAX_HEADER_BYTES


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of the folder."""

    path: str
    size_bytes: int
    start: bytes
    """The first 512 bytes or more, or the whole file if it is shorter; of weights, the header."""


def file_mistakes(files: Sequence[ListedFile], policy: str, before: Collection[str] = ()) -> list[Mistake]:
    """Return the mistakes of `files`. `before`: paths that the artifact has already, with which they must not collide."""
    kept = set(before) - {each.path for each in files}
    paths = [*kept, *(each.path for each in files)]
    mistakes = [Mistake(path, 0, str(error)) for path, error in path_problems(paths, kept)]
    wrong = {each.file for each in mistakes}
    folders = folders_above(paths)
    for each in files:
        if each.path in folders:
            mistakes.append(Mistake(each.path, 0, f"`{each.path}` is a file and a folder: rename one."))
        if each.path not in wrong:
            mistakes += [Mistake(each.path, 0, text) for text in _problems(each, policy)]
    if len(paths) > MAX_FILES:
        mistakes.append(Mistake("", 0, f"there would be {len(paths)} files, the maximum is {MAX_FILES}."))
    left_out = len(mistakes) - MAX_SHOWN
    return mistakes[:MAX_SHOWN] + [Mistake("", 0, f"{left_out} more files have mistakes.")] * (left_out > 0)


def _problems(file: ListedFile, policy: str) -> Iterator[str]:
    if file.size_bytes > MAX_FILE_BYTES:
        yield f"`{file.path}` has {file.size_bytes:.3g} bytes, but a file has at most {MAX_FILE_BYTES}: split it."
    if is_described_by(file.path) and file.size_bytes > MAX_CARD:
        yield f"`{file.path}` has {file.size_bytes} bytes, the maximum is {MAX_CARD}: shorten it."
    start = file.start[: file.size_bytes]
    if _is_cut(file):  # The rest of the header decides, which the commit will read.
        problem = sample_problem(file.path, start, policy=policy)
    else:
        problem = file_problem(file.path, io.BytesIO(start), file.size_bytes, policy=policy)
    if problem:
        yield f"{problem}."


def _is_cut(file: ListedFile) -> bool:
    """Return whether the file can be safetensors whose header is longer than the bytes received."""
    length = int.from_bytes(file.start[:8], "little")
    is_open = file.start[8:9] == b"{" and length <= MAX_HEADER_BYTES
    return is_open and len(file.start) < min(file.size_bytes, 8 + length)
