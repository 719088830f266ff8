"""Check a folder before it is pushed, and tell all its mistakes at once: files, card, variants, and bases that do not exist."""

from __future__ import annotations

from pathlib import Path

from hub.cards import Card, read_card, read_variant
from hub.cards.policy import SCAN, check_contents
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
    card: Card | None = None
    try:
        check_contents(folder, policy)
    except (InvalidSource, InvalidPath) as error:
        mistakes.append(error)
    try:
        card = read_card(folder, name)
    except InvalidCard as error:
        mistakes.append(error)
    for each in variant_folders(folder) if card is None or card.kind not in {"base", "dataset"} else []:
        try:
            read_variant(each)
        except InvalidCard as error:
            mistakes.append(error)
    mistakes += unknown_bases(card.bases if card else (), find)
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise InvalidCard(f"{len(mistakes)} mistakes in `{folder.name}`. {' '.join(map(str, mistakes))}")
