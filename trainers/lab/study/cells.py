"""Cells of the study, and the folder that holds their results.

A result is one small JSON file. It is written to another name and renamed, so a cell is either missing or complete. Several processes may
share a folder: each locks the cell that it computes, and the lock ends with the process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hub.errors import DamagedFile, InvalidRequest

FORMAT = 1
CELLS, LOCKS, MODULES, SETTINGS = "cells", "locks", "modules", "study.json"


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement: what is measured, of which subject, on which prompts."""

    kind: str
    """`train`, `draw`, `text`, `retrieve`, `fid`, `latency` or `sheet`."""
    subject: str
    language: str = ""
    split: str = ""
    seed: int = 0
    count: int = 0
    """Maximum number of prompts; 0 means all."""
    variant: str = ""
    """Difference from the default, such as `steps-20`."""

    @property
    def key(self) -> str:
        """Return its name, which is also its path below `cells`."""
        if self.kind == "train":
            return f"train/{self.subject}"
        place = "-".join(filter(None, (self.language, self.split, f"s{self.seed}", f"n{self.count}", self.variant)))
        return f"{self.kind}/{self.subject}/{place}"


@dataclass(frozen=True, slots=True)
class Result:
    """A measured cell."""

    cell: Cell
    seconds: float
    """Processor time of the measurement."""
    found: dict[str, Any]
    """The measured values; their keys depend on the kind."""
    machine: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of its file."""
        return {
            "format": FORMAT,
            **asdict(self.cell),
            "seconds": self.seconds,
            "machine": self.machine,
            "found": self.found,
        }

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> Result:
        """Read what `as_json` returned. Raises `KeyError` and `TypeError` for anything else."""
        cell = Cell(**{name: written[name] for name in Cell.__dataclass_fields__})
        return cls(cell, float(written["seconds"]), dict(written["found"]), str(written["machine"]))


class WorkFolder:
    """Results, trained modules and locks of a study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, settings: dict[str, Any]) -> None:
        """Create the folder for a study with these settings. Raises `InvalidRequest` if it holds another study."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / SETTINGS
        with FileLock(self.folder / "start.lock"):
            if not path.is_file():
                write_whole(path, json.dumps(settings, indent=1) + "\n")
        known = self.settings()
        if differing := sorted(key for key in {*known, *settings} if known.get(key) != settings.get(key)):
            key = differing[0]
            raise InvalidRequest(
                f"`{self.folder}` holds a study with {key} {known.get(key)}, not {settings.get(key)}: use another folder with --work."
            )

    def settings(self) -> dict[str, Any]:
        """Return the settings that the study was started with. Raises `InvalidRequest` for a folder without a study."""
        path = self.folder / SETTINGS
        if not path.is_file():
            raise InvalidRequest(f"`{self.folder}` holds no study: start one with `hub study --work {self.folder}`.")
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def path(self, cell: Cell) -> Path:
        """Return where the result of a cell is, or will be."""
        return self.folder / CELLS / f"{cell.key}.json"

    def module(self, subject: str) -> Path:
        """Return the run folder of a trained subject, which holds the artifact in a folder of the subject's name."""
        return self.folder / MODULES / subject

    def has(self, cell: Cell) -> bool:
        """Return whether a cell is measured."""
        return self.path(cell).is_file()

    def write(self, result: Result) -> None:
        """Store the result of a cell."""
        path = self.path(result.cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(result.as_json(), ensure_ascii=False, separators=(",", ":")) + "\n")

    def read(self, cell: Cell) -> Result:
        """Return the result of a cell. Raises `DamagedFile`."""
        return _read(self.path(cell))

    def results(self) -> list[Result]:
        """Return all results, in the order of their keys. Raises `DamagedFile` for a file that is not a result."""
        return [_read(path) for path in sorted((self.folder / CELLS).rglob("*.json"))]

    @contextmanager
    def lock(self, cell: Cell) -> Iterator[bool]:
        """Lock a cell, and yield whether it was free."""
        place = self.folder / LOCKS / f"{cell.key.replace('/', '~')}.lock"
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place, blocking=False)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()


def write_whole(path: Path, text: str) -> None:
    """Write a file under another name and rename it, so that it is never seen in part."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _read(path: Path) -> Result:
    try:
        return Result.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{path} is not a cell of a study: remove it, and run `hub study` again.") from error
