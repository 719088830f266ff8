"""Find bases that a card names and that do not exist, before a push or a commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hub.errors import InvalidCard, InvalidRequest
from hub.records import Artifact

MAX_UNKNOWN = 20
"""Maximum number of unknown bases to report. Finding similar names takes milliseconds each."""
Find = Callable[[str], Artifact]
"""Finds an artifact on the hub that is published to, as far as the publisher can see it."""


def unknown_bases(bases: Iterable[str], find: Find) -> Iterator[InvalidCard]:
    """Yield an error for each base that is neither on the hub nor the id of an upstream repository, which cannot be checked."""
    unknown = 0
    for number, base in enumerate(bases):
        if unknown == MAX_UNKNOWN:
            return
        owner, slash, _ = base.partition("/")
        if slash and owner != "linguahub":
            continue
        try:
            find(base)
        except InvalidRequest as error:
            unknown += 1
            suggestions = [f"`{each}`" for each in getattr(error, "suggestions", ())]
            near = f" Did you mean {', '.join(suggestions)}?" if suggestions else ""
            text = f"the base `{base}` does not exist on this hub.{near} List bases with `hub bases`, or name the repository, `owner/name`."
            yield InvalidCard(text, problems=[(text, ("base_model", number))])
