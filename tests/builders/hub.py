"""Create a local hub in a folder."""

from __future__ import annotations

from pathlib import Path

from hub.home import Home
from hub.local import LocalHub
from hub.registry import Registry


def a_hub(path: Path, cards: Path | None = None) -> LocalHub:
    """Create a hub under `path`, with the curated cards in `cards` or without any."""
    (path / "home").mkdir(parents=True, exist_ok=True)
    return LocalHub.open(Home(path / "home" / "registry.db", path / "home", cards or path / "no-cards"))


def delete_registry(home: Path) -> None:
    """Delete the registry, as users can at any time: it is rebuilt from the cards and the store."""
    for file in home.glob("registry.db*"):
        file.unlink()


def opened_version(address: str) -> str:
    """Open a registry, and return the version of its schema. For processes, which import this module quickly."""
    registry = Registry.open(address)
    registry.close()
    return registry.database.version()


def opened_names(path: str, cards: str) -> list[str]:
    """Open a hub, and return the names of its artifacts. For processes, too."""
    with a_hub(Path(path), Path(cards)) as hub:
        return hub.registry.names()
