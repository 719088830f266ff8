"""Find the configurations of the frozen models of a run, without their weights: nothing large is fetched or hashed."""

from __future__ import annotations

from pathlib import Path

from hub.errors import InvalidRequest
from hub.loader.sources import Sources
from hub.local import LocalHub
from hub.publish.composition import is_single_file
from hub.records import Pin, split_names
from hub.remote.configurations import fetch_configuration, fetch_settings
from trainers.frozen.find_frozen import FrozenSource, find_encoder
from trainers.frozen.foundation import PIPELINE, Foundation


def find_base_configuration(foundation: Foundation, name: str, hub: LocalHub) -> FrozenSource:
    """Find a base by any of its names. Raises as `foundation.find`, and `Unreachable` if the configuration cannot be fetched."""
    is_file = is_single_file(name) and not Path(name).is_dir()
    if foundation is not PIPELINE or is_file:
        return foundation.find(name, hub)
    found = Sources(hub).base(name, None)
    folder = found.folder
    if found.upstream is not None:
        folder = fetch_configuration(
            found.upstream.repository, found.upstream.revision, what=found.name, tokenizers=True
        )
    return FrozenSource(Pin(name=found.name, digest=found.digest), folder, found.title)


def find_encoder_configurations(names: str, hub: LocalHub) -> tuple[list[FrozenSource], list[str]]:
    """Find the encoders whose names are joined by `+`, or in a folder; also return why training would refuse them.

    Raises as `find_encoder`, and `Unreachable`.
    """
    found, refused = list[FrozenSource](), list[str]()
    for name in split_names(names) if not Path(names).is_dir() else (names,):
        if Path(name).is_dir():
            folder = Path(name).resolve()
            found.append(FrozenSource(Pin(name=folder.name, digest=""), folder, folder.name))
            continue
        try:
            found.append(find_encoder(name, hub))
        except InvalidRequest as error:
            artifact = hub.registry.get(name)
            if artifact.kind != "encoder" or artifact.variants or not artifact.upstream:
                raise
            refused.append(str(error))
            folder = fetch_settings(artifact.upstream[0], what=artifact.name.name)
            found.append(FrozenSource(Pin(name=str(artifact.name), digest=""), folder, artifact.name.name))
    return found, refused
