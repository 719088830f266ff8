"""A hub of its own."""

from __future__ import annotations

from pathlib import Path

from hub.home import Home
from hub.local import LocalHub


def a_hub(path: Path, cards: Path | None = None) -> LocalHub:
    """A hub of its own under `path`, with the curated cards in `cards`, or none."""
    (path / "home").mkdir(parents=True, exist_ok=True)
    return LocalHub.open(Home(path / "home" / "registry.db", path / "home", cards or path / "no-cards"))


def delete_registry(home: Path) -> None:
    """What anybody may do at any time: it comes back from the cards and the store."""
    for file in home.glob("registry.db*"):
        file.unlink()
