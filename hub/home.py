"""Locate the files of this installation."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.errors import Unreachable

DISTRIBUTION = "linguahub"
DEFAULT_OWNER = "local"
"""Owner of pushed artifacts unless `HUB_OWNER` is set."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of an installation. Reading them creates nothing."""

    database: Path
    """The registry; it can be deleted at any time and rebuilt with `hub index`."""
    folder: Path
    """All other files."""
    cards: Path
    """The curated cards, as Hugging Face repositories."""
    owner: str = DEFAULT_OWNER
    """Default owner of pushed artifacts."""
    database_url: str = ""
    """URL of the registry, `postgresql://…` or `sqlite:///PATH`; empty for `database`."""
    store_url: str = ""
    """URL of the store, `s3://BUCKET/PREFIX` or `file:///FOLDER`; empty for the folder `store`."""
    replica_url: str = ""
    """URL of a database that follows the registry and is searched instead; empty to search the registry."""

    @property
    def registry(self) -> str:
        """URL or path of the registry."""
        return self.database_url or str(self.database)

    @property
    def store(self) -> Path:
        """Folder of blobs and references."""
        return self.folder / "store"

    @property
    def snapshots(self) -> Path:
        """Folder of snapshots, which are folders of links to blobs."""
        return self.folder / "snapshots"

    @property
    def runs(self) -> Path:
        """Folder of training runs."""
        return self.folder / "runs"

    @property
    def caches(self) -> Path:
        """Folder of caches, which can be deleted."""
        return self.folder / "caches"

    @classmethod
    def find(cls, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Home:
        """Return the home in `folder` (default: `$HUB_HOME`, else the source checkout of this package, else the user's data folder).

        `$HUB_CARDS` is the folder of the curated cards and `$HUB_OWNER` the default owner. `$DATABASE_URL` and `$STORE_URL` are the
        registry and the store, and searches read `$HUB_READ_DATABASE`; they are ignored if `folder` is given.
        """
        environment = os.environ if environment is None else environment
        checkout = _checkout()
        cards = Path(environment["HUB_CARDS"]) if environment.get("HUB_CARDS") else (checkout or _packages()) / "cards"
        owner = environment.get("HUB_OWNER") or DEFAULT_OWNER
        urls = (
            environment.get("DATABASE_URL", ""),
            environment.get("STORE_URL", ""),
            environment.get("HUB_READ_DATABASE", ""),
        )
        urls = ("", "", "") if folder else urls
        chosen = folder or (Path(environment["HUB_HOME"]) if environment.get("HUB_HOME") else None)
        if chosen is None and checkout is not None:
            return cls(checkout / "registry.db", checkout / ".hub", cards, owner, *urls)
        chosen = (chosen or _user_folder()).expanduser().absolute()
        return cls(chosen / "registry.db", chosen, cards, owner, *urls)

    def create(self) -> None:
        """Create the folder. Raises Unreachable if that fails."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable(
                f"cannot create {self.folder}: {error.strerror}. Set HUB_HOME to a folder you can write."
            ) from error


def stamp_of(folder: Path) -> str:
    """Return a digest of the paths, sizes and times of all files below `folder`. Takes milliseconds, without reading files."""
    hashed = hashlib.sha256()
    pending = [str(folder)]
    while pending:
        try:
            entries = sorted(os.scandir(pending.pop()), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        for entry in entries:
            if entry.name == "__pycache__" or entry.name.startswith("."):
                continue  # Not content, and written by importing or browsing it.
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                status = entry.stat()
                hashed.update(f"{entry.path[len(str(folder)) :]}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return hashed.hexdigest()


def _packages() -> Path:
    """Return the folder that contains the package `hub` and, in an installation, the data package `cards`."""
    return Path(__file__).resolve().parent.parent


def _checkout() -> Path | None:
    """Return the source checkout that contains this file; None in an installation."""
    folder = _packages()
    return folder if (folder / "pyproject.toml").is_file() and (folder / "cards").is_dir() else None


def _user_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path(DISTRIBUTION, appauthor=False)
