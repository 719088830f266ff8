"""`hub pull`: have an artifact's files on this machine, fetched from upstream when they are not here."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from hub.cli.find.search import ENDPOINT
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
    from hub.remote.client import Endpoint
    from hub.remote.transfer import pull as pull_from

    found = pull_from(hub, Endpoint(address), name, revision)
    return hub.snapshot(found.artifact, found.id)


def copy(folder: Path, to: Path) -> Path:
    """The files of `folder` as `to`, all of them or none; with an encoder of a pipeline its tokenizer, which lies beside it."""
    beside = folder.with_name(folder.name.replace("text_encoder", "tokenizer"))
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".hub-pull-") as scratch:
            unfinished = Path(scratch) / to.name
            shutil.copytree(folder, unfinished)
            if beside != folder and beside.is_dir():
                shutil.copytree(beside, unfinished, dirs_exist_ok=True)
            unfinished.rename(to)
    except OSError as error:
        raise Unreachable(
            f"`{to}` cannot be written: {error.strerror or error}. Choose another folder with --to."
        ) from error
    return to


def _from_upstream(hub: LocalHub, artifact: Artifact) -> Path:
    """Bases stay where diffusers keeps them, as `load_pipeline` expects; adapters are converted and published here."""
    if artifact.kind == "base":
        return _base(hub, artifact)
    if artifact.kind == "encoder":
        return _encoder(hub, artifact)
    from hub.remote.upstream import pull as pull_upstream

    pull_upstream(artifact, hub.snapshot(artifact.name), hub.registry, hub.store)
    return hub.snapshot(artifact.name)


def _encoder(hub: LocalHub, artifact: Artifact) -> Path:
    """The half of it that modules read; it stays where `huggingface_hub` keeps it, unless it has to be made from pickles."""
    try:
        from hub.remote.configurations import fetch_encoder, fetch_settings
    except ImportError as error:
        raise MissingExtra("load", f"fetching the encoder `{artifact.name}`") from error
    upstream, what = artifact.upstream[0], artifact.name.name
    _mend(hub, artifact)
    try:
        return fetch_encoder(upstream, what=what)
    except WrongSource:  # pickles alone, or open_clip's layout
        from hub.remote.pickled_encoders import pull_pickled

        settings = fetch_settings(upstream, what=what)
        pull_pickled(artifact, hub.snapshot(artifact.name), settings, hub.registry, hub.store, scratch=hub.home.folder)
        return hub.snapshot(artifact.name)


def _mend(hub: LocalHub, artifact: Artifact) -> None:
    """Take damaged files out of Hugging Face's cache, which would give the same bytes for ever. Unreachable when nobody has others."""
    from hub.remote.configurations import somebody_answers
    from hub.remote.hf_cache import Stamps, cached, faults

    upstream, stamps = artifact.upstream[0], Stamps(hub.home.caches)
    damaged = list(faults(cached(upstream.repository, upstream.revision), stamps, anew=True))
    if damaged and not somebody_answers():
        raise Unreachable(
            f"{damaged[0]}, and nobody answers who has `{artifact.name.name}` whole: "
            f"`hub pull {artifact.name.name}` where there is a network."
        )
    for fault in damaged:
        print(f"hub: {fault}: it is fetched again.", file=sys.stderr)
        fault.remove()


def _base(hub: LocalHub, artifact: Artifact) -> Path:
    try:
        from diffusers import DiffusionPipeline
    except ImportError as error:
        raise MissingExtra("load", f"fetching the base `{artifact.name}`") from error
    from hub.remote.configurations import fetch_pipeline

    upstream = artifact.upstream[0]
    _mend(hub, artifact)
    return fetch_pipeline(DiffusionPipeline, upstream.repository, upstream.revision, what=str(artifact.name))
