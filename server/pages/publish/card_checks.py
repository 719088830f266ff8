"""Check a card that someone is writing, as the commit and `hub push` do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub.cards.card import FILE
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.checks.mistakes import Mistake, card_mistakes, is_ours
from hub.publish.commit import card_folder
from hub.records import File
from hub.registry.accounts.permissions import Caller


@contextmanager
def overlaid(hub: LocalHub, files: Iterable[File], texts: Mapping[str, str]) -> Iterator[Path]:
    """Write card and configurations of `files` to a temporary folder, replaced by `texts`, whose paths are valid."""
    with card_folder((each for each in files if each.path not in texts), hub.store) as folder:
        for path, text in texts.items():
            target = folder / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8", errors="replace", newline="")
        yield folder


def mistakes_of_card(hub: LocalHub, caller: Caller, name: ArtifactName, text: str) -> list[Mistake]:
    """Return the mistakes of the card of an artifact that exists. A card of another library is accepted, as in a commit."""
    readers = caller.readers()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, FILE).write_text(text, encoding="utf-8", errors="replace", newline="")
        return card_mistakes(
            Path(folder), name, lambda base: hub.registry.get(base, readers), is_plain=not is_ours(text)
        )
