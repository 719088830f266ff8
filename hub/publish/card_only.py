"""Errors for artifacts that consist of a card only."""

from __future__ import annotations

from hub.errors import InvalidRequest
from hub.records import Artifact


def missing_weights(artifact: Artifact) -> InvalidRequest:
    """Return the error that names the next command: fetch the upstream weights, show how to train unpublished ones, or read the card."""
    if artifact.upstream:
        return InvalidRequest(
            f"the weights of `{artifact.name.name}` have not been downloaded: fetch them with `{artifact.pull_command}`."
        )
    if not artifact.method:  # A baseline that is in the catalogue for its scores.
        return InvalidRequest(
            f"`{artifact.name.name}` cannot be loaded: read why with `hub show {artifact.name} --card`."
        )
    return InvalidRequest(
        f"the weights of `{artifact.name.name}` are not published: show the command that recreates them with "
        f"`hub show {artifact.name}`."
    )
