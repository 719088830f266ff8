"""`hub pull`: have an artifact's files on this machine, fetched from upstream when they are not here."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from hub.cli.search import ENDPOINT
from hub.errors import Conflict, MissingExtra, Unreachable, WrongSource

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.records import Artifact


def pull(
    name: Annotated[str, Argument(help="`owner/name`, or `name` alone.")],
    to: Annotated[
        Path | None, Option(help="Copy the files into this folder, which must not exist.", show_default=False)
    ] = None,
    revision: Annotated[str, Option(help="A revision's id, number, reference or alias: @stable.")] = "main",
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Fetch an artifact and print the folder that holds its files."""
    if to is not None and to.exists():
        raise Conflict(f"`{to}` exists already: name a folder that does not, or remove it.")
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        if endpoint:
            folder = _from_endpoint(hub, endpoint, name, revision)
            print(copy(folder, to) if to is not None else folder)
            return
        artifact = hub.registry.get(name)
        if artifact.upstream and not artifact.weights_digest and revision == "main":
            folder = _from_upstream(hub, artifact)
        else:
            folder = hub.snapshot(artifact.name, revision)
        hub.registry.count_download(artifact.name)
        print(copy(folder, to) if to is not None else folder)


def _from_endpoint(hub: LocalHub, address: str, name: str, revision: str) -> Path:
    """Recorded here under the id that it has there."""
    from hub.endpoint import Endpoint
    from hub.exchange import pull as pull_from

    found = pull_from(hub, Endpoint(address), name, revision)
    return hub.snapshot(found.artifact, found.id)


def copy(folder: Path, to: Path) -> Path:
    """The files of `folder` as `to`, all of them or none."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".hub-pull-") as scratch:
            unfinished = Path(scratch) / to.name
            shutil.copytree(folder, unfinished)
            unfinished.rename(to)
    except OSError as error:
        raise Unreachable(
            f"`{to}` cannot be written: {error.strerror or error}. Choose another folder with --to."
        ) from error
    return to


def _from_upstream(hub: LocalHub, artifact: Artifact) -> Path:
    """Bases stay where diffusers keeps them, as `load_pipeline` expects; adapters are converted and published here."""
    if artifact.kind == "base":
        return _base(artifact)
    if artifact.kind == "encoder":
        return _encoder(hub, artifact)
    from hub.remote import pull as pull_upstream

    pull_upstream(artifact, hub.snapshot(artifact.name), hub.registry, hub.store)
    return hub.snapshot(artifact.name)


def _encoder(hub: LocalHub, artifact: Artifact) -> Path:
    """The half of it that modules read; it stays where `huggingface_hub` keeps it, unless it has to be made from pickles."""
    try:
        from hub.loader.upstream import fetch_encoder, fetch_settings
    except ImportError as error:
        raise MissingExtra("load", f"fetching the encoder `{artifact.name}`") from error
    upstream, what = artifact.upstream[0], artifact.name.name
    try:
        return fetch_encoder(upstream, what=what)
    except WrongSource:  # pickles alone
        from hub.unpickling import pull_pickled

        settings = fetch_settings(upstream, what=what)
        pull_pickled(artifact, hub.snapshot(artifact.name), settings, hub.registry, hub.store, scratch=hub.home.folder)
        return hub.snapshot(artifact.name)


def _base(artifact: Artifact) -> Path:
    try:
        from diffusers import DiffusionPipeline
    except ImportError as error:
        raise MissingExtra("load", f"fetching the base `{artifact.name}`") from error
    from hub.loader.upstream import fetch_pipeline

    upstream = artifact.upstream[0]
    return fetch_pipeline(DiffusionPipeline, upstream.repository, upstream.revision, what=str(artifact.name))
