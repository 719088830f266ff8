"""Keep results on disk as an evaluation goes, so that it continues where it was stopped.

A log is a folder named after everything that its results depend on. Each process appends to a file of its own. A batch is one line of
JSON, synced to the disk, so that a line that was interrupted is a batch that was not computed.

Shape letters: B results of a batch, D features.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trainers.inputs.feature_cache import ADVICE, key_of
from trainers.loop.failures import catch_write_errors

PREFIX = "evaluation-"
"""Start of the names of logs, in the folder of caches."""


@dataclass(frozen=True, slots=True)
class Result:
    """What is kept of one prompt, caption or image."""

    features_D: Tensor
    """Features of the judge or of the retriever, in float32."""
    text: str = ""
    """The text in a generated image, if it was read."""


class ResultLog:
    """Results by key, in memory and, if it has a folder, on disk."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.known: dict[str, Result] = {}
        self._own = f"{uuid.uuid4().hex}.jsonl"
        self.read()

    def read(self) -> None:
        """Read what all processes have written; lines that were interrupted are left out."""
        for path in sorted(self.folder.glob("*.jsonl")) if self.folder else ():
            for line in path.read_bytes().splitlines():
                self.known |= dict(_parse(line))

    def append(self, results: Mapping[str, Result]) -> None:
        """Add the results of a batch. Raises `Unreachable` if they cannot be written."""
        self.known |= results
        if self.folder is None or not results:
            return
        with catch_write_errors("the results of the evaluation", ADVICE):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / self._own).open("ab") as file:
                file.write(_line(results))
                file.flush()
                os.fsync(file.fileno())


class ResultLogs:
    """The logs of one evaluation."""

    def __init__(self, caches: Path | None) -> None:
        """`caches` is the folder of caches, or None to keep results in memory alone."""
        self._caches = caches
        self._opened: dict[str, ResultLog] = {}

    def open(self, subject: str, *parts: object) -> ResultLog:
        """Return the log of results that depend on `subject` and on `parts`; in memory alone if `subject` is empty."""
        key = key_of(subject, *parts)
        if key not in self._opened:
            place = self._caches / f"{PREFIX}{key[:40]}" if self._caches and subject else None
            self._opened[key] = ResultLog(place)
        return self._opened[key]

    @property
    def folders(self) -> list[Path]:
        """The folders of the logs that were opened."""
        return [log.folder for log in self._opened.values() if log.folder is not None]

    @property
    def count(self) -> int:
        """Number of results in the logs on disk that were opened."""
        return sum(len(log.known) for log in self._opened.values() if log.folder is not None)

    def read(self) -> None:
        """Read what other processes have written since the logs were opened."""
        for log in self._opened.values():
            log.read()

    def include(self, folders: Iterable[str]) -> None:
        """Take over the logs of other processes, to be removed with one's own."""
        self._opened |= {folder: ResultLog(Path(folder)) for folder in folders}

    def remove(self) -> None:
        """Remove the logs from the disk, when the evaluation is done."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


def _line(results: Mapping[str, Result]) -> bytes:
    rows_BD = torch.stack([result.features_D.float() for result in results.values()]).numpy().astype("<f4")
    written = {
        "keys": list(results),
        "texts": [result.text for result in results.values()],
        "width": rows_BD.shape[1],
        "features": base64.b64encode(rows_BD.tobytes()).decode(),
    }
    return json.dumps(written, ensure_ascii=False).encode() + b"\n"


def _parse(line: bytes) -> Iterator[tuple[str, Result]]:
    """Yield the results of a line; none if it is not whole."""
    try:
        found = json.loads(line)
        keys, texts, width = found["keys"], found["texts"], int(found["width"])
        rows_BD = np.frombuffer(base64.b64decode(found["features"], validate=True), "<f4").reshape(len(keys), width)
        pairs = list(zip(keys, torch.from_numpy(rows_BD.copy()), texts, strict=True))
    except (ValueError, TypeError, KeyError):
        return
    for key, features_D, text in pairs:
        yield key, Result(features_D, text)
