"""Record what this hub has measured itself. Measuring is the trainers' task: see `trainers.rescoring`."""

from __future__ import annotations

from collections.abc import Sequence

from hub.errors import Conflict
from hub.names import ArtifactName
from hub.publish.commit import describe_files
from hub.publish.publish import with_files
from hub.records import Artifact, Score
from hub.registry import Registry
from hub.registry.accounts.permissions import Actor
from hub.store import BlobStore


def record_reproduced(
    name: ArtifactName, revision: str, scores: Sequence[Score], registry: Registry, store: BlobStore, actor: Actor
) -> Artifact:
    """Record what this hub measured on a revision of `name` as reproduced, and return the artifact.

    No request to the server gets here: it takes write access to the registry itself. Raises Conflict if the revision is no longer
    the current one.
    """
    from hub.registry.artifacts.record import reproduce

    artifact = registry.get(name)
    if artifact.revision != revision:
        raise Conflict(
            f"`{name}` has moved from revision {revision[:12]} to {artifact.revision[:12] or 'none'}: measure that one with "
            f"`hub rescore {name}`."
        )
    found = registry.revision(name, revision)
    described = with_files(describe_files(artifact, found.files, store), found.files, store, artifact.weights)
    with registry.database.transaction() as session:
        reproduce(session, described, found, scores, actor)
    return registry.get(name)
