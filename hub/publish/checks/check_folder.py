"""Check a folder before it is pushed, and tell all its mistakes at once: files, card, variants, and bases that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hub.cards import Card, read_card, read_variant
from hub.cards.policy import SCAN, check_contents
from hub.cards.variant_config import variant_folders
from hub.errors import InvalidCard, InvalidPath, InvalidRequest, InvalidSource
from hub.names import ArtifactName
from hub.records import Artifact

Find = Callable[[str], Artifact]


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
    mistakes += _unknown_bases(card.bases if card else (), find)
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise InvalidCard(f"{len(mistakes)} mistakes in `{folder.name}`. {' '.join(map(str, mistakes))}")


def _unknown_bases(bases: Iterable[str], find: Find) -> Iterator[InvalidCard]:
    """Yield an error for each base that is neither on the hub nor the id of an upstream repository, which cannot be checked."""
    for base in bases:
        owner, slash, _ = base.partition("/")
        if slash and owner != "linguahub":
            continue
        try:
            find(base)
        except InvalidRequest as error:
            suggestions = [f"`{each}`" for each in getattr(error, "suggestions", ())]
            near = f" Did you mean {', '.join(suggestions)}?" if suggestions else ""
            yield InvalidCard(
                f"the base `{base}` does not exist on this hub.{near} List bases with `hub bases`, or name the repository, `owner/name`."
            )
