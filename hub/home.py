"""Where this installation keeps things."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.errors import Unreachable

DISTRIBUTION = "linguahub"
DEFAULT_OWNER = "local"
"""Owns what is pushed from a home whose owner is not named."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one installation. Nothing is created by asking for them."""

    database: Path
    """The registry; it can be deleted at any time, `hub index` builds it again."""
    folder: Path
    """Everything else that is kept."""
    cards: Path
    """The curated registry, as Hugging Face folders."""
    owner: str = DEFAULT_OWNER
    """Who owns what is pushed from here, unless a name says otherwise."""
    database_url: str = ""
    """Where the registry is when it is elsewhere: `postgresql://…`, `sqlite:///PATH`."""
    store_url: str = ""
    """Where blobs and references are when they are elsewhere: `s3://BUCKET/PREFIX`, `file:///FOLDER`."""

    @property
    def registry(self) -> str:
        """Address of the registry."""
        return self.database_url or str(self.database)

    @property
    def store(self) -> Path:
        """Blobs and references."""
        return self.folder / "store"

    @property
    def snapshots(self) -> Path:
        """Revisions as folders of links to blobs."""
        return self.folder / "snapshots"

    @property
    def runs(self) -> Path:
        """What training leaves behind."""
        return self.folder / "runs"

    @property
    def caches(self) -> Path:
        """What can be computed again."""
        return self.folder / "caches"

    @classmethod
    def find(cls, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Home:
        """The home in `folder`, or else: `$HUB_HOME`, the source checkout that this package runs from, or the user's data.

        `$HUB_CARDS` names another curated registry, `$HUB_OWNER` another owner; `$DATABASE_URL` and `$STORE_URL` say where
        registry and store are, unless `folder` is given, which holds its own.
        """
        environment = os.environ if environment is None else environment
        checkout = _checkout()
        cards = Path(environment["HUB_CARDS"]) if environment.get("HUB_CARDS") else (checkout or _packages()) / "cards"
        owner = environment.get("HUB_OWNER") or DEFAULT_OWNER
        urls = ("", "") if folder else (environment.get("DATABASE_URL", ""), environment.get("STORE_URL", ""))
        chosen = folder or (Path(environment["HUB_HOME"]) if environment.get("HUB_HOME") else None)
        if chosen is None and checkout is not None:
            return cls(checkout / "registry.db", checkout / ".hub", cards, owner, *urls)
        chosen = (chosen or _user_folder()).expanduser().absolute()
        return cls(chosen / "registry.db", chosen, cards, owner, *urls)

    def create(self) -> None:
        """Make the folder. Raises Unreachable where that is not possible."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable(
                f"cannot create {self.folder}: {error.strerror}. Set HUB_HOME to a folder you can write."
            ) from error


def stamp_of(folder: Path) -> str:
    """A digest of paths, sizes and times: it changes when a file below `folder` does. Milliseconds, nothing is read."""
    hashed = hashlib.sha256()
    pending = [str(folder)]
    while pending:
        try:
            entries = sorted(os.scandir(pending.pop()), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        for entry in entries:
            if entry.name == "__pycache__" or entry.name.startswith("."):
                continue  # Not content, and written by looking at it.
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                status = entry.stat()
                hashed.update(f"{entry.path[len(str(folder)) :]}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return hashed.hexdigest()


def _packages() -> Path:
    """The folder that holds the package `hub`, and in an installation the data package `cards` beside it."""
    return Path(__file__).resolve().parent.parent


def _checkout() -> Path | None:
    """The source checkout that this file is part of; None in an installation."""
    folder = _packages()
    return folder if (folder / "pyproject.toml").is_file() and (folder / "cards").is_dir() else None


def _user_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path(DISTRIBUTION, appauthor=False)
