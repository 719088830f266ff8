"""Check a folder before it is pushed, and report all its mistakes at once: files, card, variants, and bases that do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hub.cards import Card, read_card, read_variant
from hub.cards.card import FILE, NAMESPACE
from hub.cards.front_matter import split_front_matter
from hub.cards.policy import SCAN, check_contents
from hub.cards.variant_config import FILE as CONFIG
from hub.cards.variant_config import variant_folders
from hub.errors import InvalidCard, InvalidPath, InvalidRequest, InvalidSource
from hub.names import ArtifactName
from hub.publish.checks.bases import Find, unknown_bases


def check_folder(folder: Path, name: ArtifactName, find: Find, policy: str = SCAN) -> None:
    """Check everything that does not need the store. `find` finds an artifact on the hub that the folder is pushed to, whose file policy is
    `policy`; a server's own policy is not known before the upload.

    Raises InvalidSource, InvalidPath or InvalidCard, which lists all mistakes if there are several.
    """
    mistakes: list[InvalidRequest] = []
    try:
        check_contents(folder, policy)
    except (InvalidSource, InvalidPath) as error:
        mistakes.append(error)
    mistakes += [error for _, error in card_errors(folder, name, find)]
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise InvalidCard(f"{len(mistakes)} mistakes in `{folder.name}`. {' '.join(map(str, mistakes))}")


def card_errors(folder: Path, name: ArtifactName, find: Find) -> Iterator[tuple[str, InvalidCard]]:
    """Yield the path of the card or of a variant's config.json with each error in it."""
    card: Card | None = None
    try:
        card = read_card(folder, name)
    except InvalidCard as error:
        yield FILE, error
    for each in variant_folders(folder) if card is None or card.kind not in {"base", "dataset"} else []:
        try:
            read_variant(each)
        except InvalidCard as error:
            yield f"{each.name}/{CONFIG}", error
    for missing in unknown_bases(card.bases if card else _stated_bases(folder), find):
        yield FILE, missing


def _stated_bases(folder: Path) -> tuple[str, ...]:
    """Return the bases that an invalid card names, as far as it can be read."""
    try:
        front_matter = split_front_matter((folder / FILE).read_text(encoding="utf-8-sig"))[0]
    except (OSError, UnicodeDecodeError, InvalidCard):
        return ()
    value = front_matter.get("base_model")
    names = value if isinstance(value, list) else [value]
    return tuple(each for each in names if isinstance(each, str) and each) if NAMESPACE in front_matter else ()
