"""Create a local hub in a folder."""

from __future__ import annotations

from pathlib import Path

from hub.home import Home
from hub.local import LocalHub


def a_hub(path: Path, cards: Path | None = None) -> LocalHub:
    """Create a hub under `path`, with the curated cards in `cards` or without any."""
    (path / "home").mkdir(parents=True, exist_ok=True)
    return LocalHub.open(Home(path / "home" / "registry.db", path / "home", cards or path / "no-cards"))


def delete_registry(home: Path) -> None:
    """Delete the registry, as users may at any time: it is rebuilt from the cards and the store."""
    for file in home.glob("registry.db*"):
        file.unlink()
