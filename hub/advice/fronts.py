"""Find the training costs of a leaderboard's best scores, and the Pareto front of quality against cost.

The cost is the time of the training run that a variant's config.json records. Times of different devices cannot be compared, nor
can scores in different languages, so a front has one device and one language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hub.errors import HubError
from hub.names import ArtifactName
from hub.publish.lineage import lineages
from hub.registry import Registry
from hub.registry.artifacts.files import find_files
from hub.registry.scores.leaderboard import Leaderboard, as_json
from hub.scores.pareto import pareto_front
from hub.store import BlobStore

MAX_READ = 50
"""Variants of all rankings of a leaderboard whose cost is read, in their order."""
_FEWEST = 2
"""Points of a front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The training run of a variant."""

    seconds: float
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """An artifact with its score and cost."""

    artifact: str
    value: float
    seconds: float
    is_on_front: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The entries of a ranking that were trained on one device, the cheapest first."""

    language: str
    device: str
    points: tuple[FrontPoint, ...]


def fronts(registry: Registry, store: BlobStore, boards: Sequence[Leaderboard]) -> list[Front | None]:
    """Return the front of each leaderboard; None without a common language, or with fewer than two artifacts of known cost."""
    known: dict[tuple[ArtifactName, str], Cost | None] = {}
    return [_front(registry, store, board, known) for board in boards]


def with_fronts(registry: Registry, store: BlobStore, boards: Sequence[Leaderboard]) -> list[dict[str, Any]]:
    """Return leaderboards as the API and `--json` write them, each with its `front`."""
    return [
        {**as_json(board), "front": None if front is None else asdict(front)}
        for board, front in zip(boards, fronts(registry, store, boards), strict=True)
    ]


def _front(
    registry: Registry, store: BlobStore, board: Leaderboard, known: dict[tuple[ArtifactName, str], Cost | None]
) -> Front | None:
    languages = {each.score.language for each in board.entries}
    if len(languages) != 1:
        return None
    costs = []
    for entry in board.entries:
        key = entry.artifact, entry.score.base
        if key not in known and len(known) < MAX_READ:
            known[key] = _cost(registry, store, *key)
        costs.append(known.get(key))
    devices = Counter(each.device for each in costs if each is not None)
    if not devices:
        return None
    device = devices.most_common(1)[0][0]
    # The best entry of an artifact counts: entries are sorted by value.
    chosen = {
        entry.artifact: (entry, cost)
        for entry, cost in reversed(list(zip(board.entries, costs, strict=True)))
        if cost is not None and cost.device == device
    }
    if len(chosen) < _FEWEST:
        return None
    ordered = sorted(chosen.values(), key=lambda each: (each[1].seconds, str(each[0].artifact)))
    sign = -1 if board.ranking.better == "down" else 1
    best = set(pareto_front([(cost.seconds, sign * entry.score.value) for entry, cost in ordered]))
    points = tuple(
        FrontPoint(artifact=str(entry.artifact), value=entry.score.value, seconds=cost.seconds, is_on_front=at in best)
        for at, (entry, cost) in enumerate(ordered)
    )
    return Front(language=languages.pop(), device=device, points=points)


def _cost(registry: Registry, store: BlobStore, name: ArtifactName, base: str) -> Cost | None:
    try:
        revision = registry.revision(name, with_files=False)
    except HubError:
        return None  # All revisions are yanked.
    path = f"{base.rpartition('/')[2]}/config.json"
    files = find_files(registry.database, revision.id, [path])
    for found in lineages(replace(revision, files=tuple(files.values())), store):
        if found.device_seconds and found.device:
            return Cost(seconds=found.device_seconds, device=re.sub(r"\(s\)$", "", found.device))
    return None
