"""Read facts from the card of a base that its record lacks: sizes of its parts, text encoders, terms of use."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from hub.cards.card import FILE, NAMESPACE
from hub.cards.front_matter import split_front_matter
from hub.cards.licenses import Terms, terms_of
from hub.errors import InvalidCard
from hub.records import Artifact, File
from hub.registry import Registry
from hub.registry.artifacts.files import find_in_revisions
from hub.store import BlobStore
from hub.store.read_whole import read_whole

MAX_CARD = 1 << 20
"""Bytes of the largest card that is read."""
MAX_CELL = 300
"""Characters of the text encoders' description."""
MAX_PARTS = 20
"""Parts of a base whose sizes are read."""
KEPT = 2000
"""Cards whose facts are remembered: a card is read once for each of its revisions."""
_ENCODERS = re.compile(r"^\|\s*text encoders?\s*\|\s*([^|\n]+?)\s*\|\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """Facts from a card."""

    parameters: dict[str, int] = field(default_factory=dict)
    """Part of the pipeline → number of its parameters."""
    encoders: str = ""
    """The row `text encoder` of its table of facts."""
    terms: Terms = field(default_factory=Terms)


_known: OrderedDict[str, CardFacts] = OrderedDict()
_lock = Lock()


def facts_of_cards(registry: Registry, store: BlobStore, artifacts: Sequence[Artifact]) -> dict[str, CardFacts]:
    """Map revisions to the facts in their cards. A revision without a card has empty facts."""
    cards = find_in_revisions(registry.database, [each.revision for each in artifacts if each.revision], FILE)
    return {revision: _facts(store, file) for revision, file in cards.items()}


def _facts(store: BlobStore, file: File) -> CardFacts:
    key = file.digest.hex
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    text = read_whole(store, file.digest, file.size_bytes) if file.size_bytes <= MAX_CARD else None
    if text is None:
        return CardFacts()  # Too large, damaged or missing, which can be repaired: it is read again.
    found = _read(text.decode("utf-8", "replace"))
    with _lock:
        _known[key] = found
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return found


def _read(text: str) -> CardFacts:
    try:
        front_matter, prose = split_front_matter(text)
    except InvalidCard:
        return CardFacts()
    ours = front_matter.get(NAMESPACE)
    stated = ours.get("parameters") if isinstance(ours, dict) else None
    counts = {
        str(name)[:100]: count
        for name, count in [*(stated.items() if isinstance(stated, dict) else ())][:MAX_PARTS]
        if isinstance(count, int) and not isinstance(count, bool) and count > 0
    }
    row = _ENCODERS.search(prose)
    return CardFacts(
        parameters=counts,
        encoders=row[1][:MAX_CELL] if row else "",
        terms=terms_of(front_matter),
    )
