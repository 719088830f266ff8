"""Refuse a card whose scores were measured on other weights than it is published with."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hub.errors import InvalidCard
from hub.names import COMMIT_DIGITS
from hub.records import Artifact, File, Provenance
from hub.registry import Registry
from hub.registry.artifacts.rows import read_files, visible_revisions
from hub.weights.digest import weights_digest

_REVISION = re.compile(rf"\brevision ([0-9a-f]{{12,{COMMIT_DIGITS}}})[0-9a-f]*\b")
"""How a run record names the measured revision; see `trainers.evaluation.evaluator.make_score`."""


def check_claims(artifact: Artifact, files: Iterable[File], registry: Registry) -> None:
    """Raise InvalidCard if a self-reported score names a revision whose weights are not those of `files`.

    Only revisions of this artifact and of public ones are looked up, so that nothing is revealed about private ones. A revision that
    this hub does not know proves nothing, and the score stays the owner's claim.
    """
    claims = {
        found[1]: score
        for score in artifact.scores
        if score.provenance is Provenance.SELF_REPORTED and (found := _REVISION.search(score.source))
    }
    own = weights_digest(files)
    for start, score in claims.items():
        known = visible_revisions(registry.database, artifact.name, start)
        if known and all(weights_digest(each) != own for each in read_files(registry.database, known).values()):
            raise InvalidCard(
                f"score {score.metric} on {score.benchmark} in the card of `{artifact.name}` was measured on revision {start[:12]}, "
                "which has other weights: measure these with `hub evaluate`, or remove the score."
            )
