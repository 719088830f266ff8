"""Find the frozen base and encoder of a run: by name in the registry, or as a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hub.bases.family import pipeline_class_of, read_json
from hub.bases.sizes import side_of
from hub.errors import DoesNotFit, HubError, InvalidRequest
from hub.loader.base_source import BaseSource
from hub.loader.sources import Sources
from hub.local import LocalHub
from hub.publish.card_only import missing_weights
from hub.publish.composition import find_base as find_registered
from hub.publish.composition import is_single_file
from hub.records import Pin
from hub.remote.configurations import fetch_pipeline
from hub.weights.digest import digest_of


@dataclass(frozen=True, slots=True)
class FrozenSource:
    """The files of a base or an encoder."""

    pin: Pin
    folder: Path
    short_name: str
    """The name of variant folders, for example `emoji-sd`."""


def find_base(name: str, hub: LocalHub) -> FrozenSource:
    """Find a base by any of its names, the pipeline in that folder, or a repository upstream.

    Raises `UnknownBase`, and `InvalidRequest` for a single file and for a folder that has the name of another base.
    """
    if is_single_file(name) and not Path(name).is_dir():
        raise InvalidRequest(
            f"training needs a folder in diffusers' layout, and `{Path(name).name}` is a single file: save it as one with "
            f'`load_pipeline("{name}").save_pretrained(FOLDER)`.'
        )
    found = Sources(hub).base(name, None)
    if found.is_folder:
        digest = digest_of(found.folder)
        _check_folder_name(found, digest, hub)
        return FrozenSource(Pin(name=found.name, digest=digest), found.folder, found.name)
    pinned = str(find_registered(hub.registry, name).name) if found.is_known else found.name
    if found.upstream is not None:
        import diffusers

        whole = getattr(diffusers, pipeline_class_of(found.folder))
        folder = fetch_pipeline(whole, found.upstream.repository, found.upstream.revision, what=found.name)
        return FrozenSource(Pin(name=pinned, digest=digest_of(folder)), folder, found.title)
    return FrozenSource(Pin(name=pinned, digest=found.digest), found.folder, found.title)


def _check_folder_name(found: BaseSource, digest: str, hub: LocalHub) -> None:
    """Raise `InvalidRequest` for a folder with the name of a registered base that it is not.

    Its module would have that base's name in its card and config. Of a base of which only the card is registered, the conditioning
    is compared.
    """
    known = hub.registry.base_named(found.name)
    if not known:
        return
    registered = hub.registry.get(known)
    is_same = (
        digest == registered.weights_digest
        if registered.weights_digest
        else registered.conditioning in (None, found.conditioning)
    )
    if not is_same:
        raise InvalidRequest(
            f"the folder `{found.name}` has the name of the base `{registered.name}` but other weights: its module would claim to be for "
            f"that base. Rename the folder, or train for the base itself with `--base {registered.name}`."
        )


def find_dual_encoder(name: str, hub: LocalHub) -> FrozenSource:
    """Find the dual encoder called `name`, or the model in that folder.

    Raises `UnknownArtifact`, and `InvalidRequest` for an encoder without a vision tower.
    """
    if (Path(name) / "model_index.json").is_file():
        raise InvalidRequest(
            f"`{Path(name).name}` generates images, and this method trains for a dual encoder, such as `--base emoji-clip`: train "
            "`mulan`, `pea` or `memory` for it."
        )
    found = find_encoder(name, hub)
    if "vision_config" not in read_json(found.folder / "config.json"):
        raise InvalidRequest(
            f"`{found.short_name}` cannot encode images: this method needs a dual encoder, such as `--base emoji-clip`."
        )
    return found


def image_side(folder: Path) -> int:
    """Return the side of a base's images in pixels.

    It is the side of the denoiser's latents times the autoencoder's factor, or the input size of a dual encoder.
    Raises `DoesNotFit` if the configurations do not define it.
    """
    if (folder / "config.json").is_file() and "vision_config" in (found := read_json(folder / "config.json")):
        return int(found["vision_config"]["image_size"])
    try:
        denoiser = next(part for part in ("unet", "transformer") if (folder / part).is_dir())
        return side_of(*(read_json(folder / part / "config.json") for part in (denoiser, "vae")))
    except (StopIteration, KeyError, TypeError, ValueError, HubError) as error:
        raise DoesNotFit(
            f"the image size of `{folder.name}` cannot be read from its configuration ({error})."
        ) from error


def find_encoders(names: str, hub: LocalHub) -> tuple[FrozenSource, ...]:
    """Find the encoders whose names are joined by `+`, or the model in the folder `names`. Raises as `find_encoder`."""
    if Path(names).is_dir():
        return (find_encoder(names, hub),)
    return tuple(find_encoder(name.strip(), hub) for name in names.split("+"))


def find_encoder(name: str, hub: LocalHub) -> FrozenSource:
    """Find the encoder called `name`, or the model in that folder.

    Raises `UnknownArtifact`, and `InvalidRequest` for another kind of artifact or an encoder made for one base.
    """
    if Path(name).is_dir():
        folder = Path(name).resolve()
        return FrozenSource(Pin(name=folder.name, digest=digest_of(folder)), folder, folder.name)
    artifact = hub.registry.get(name)
    if artifact.kind != "encoder":
        raise InvalidRequest(
            f"`{name}` is an artifact of kind {artifact.kind}, not an encoder: list encoders with `hub search --kind encoder`."
        )
    if artifact.variants:
        raise InvalidRequest(
            f"the encoder `{name}` was trained for {', '.join(artifact.bases)} and cannot be used with another base: "
            "load it with `load_pipeline`, or choose an encoder from `hub search --kind encoder`."
        )
    if not artifact.weights_digest and artifact.upstream and artifact.upstream[0].wheel is None:
        raise InvalidRequest(
            f"the registry has no weights of `{name}`: run `hub pull {name}`, and give the folder that it prints as --encoder."
        )
    if not artifact.weights_digest:
        raise missing_weights(artifact)
    return FrozenSource(
        Pin(name=str(artifact.name), digest=artifact.weights_digest), hub.snapshot(artifact.name), artifact.name.name
    )
