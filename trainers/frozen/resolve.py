"""Frozen artifacts a run stands on: by name from the registry, or a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hub.bases.family import pipeline_class_of, read_json
from hub.errors import DoesNotFit, InvalidRequest
from hub.loader.sources import Sources
from hub.local import LocalHub
from hub.publish.card_only import missing_weights
from hub.records import Pin
from hub.remote.configurations import fetch_pipeline
from hub.weights.digest import digest_of


@dataclass(frozen=True, slots=True)
class FrozenSource:
    """A base or an encoder as files."""

    pin: Pin
    folder: Path
    short_name: str
    """`emoji-sd`: what variant folders are called."""


def find_base(name: str, hub: LocalHub) -> FrozenSource:
    """The base called `name`, or the pipeline in that folder. UnknownBase with near names."""
    found = Sources(hub).base(name, None)
    if found.is_folder:
        return FrozenSource(Pin(name=found.name, digest=digest_of(found.folder)), found.folder, found.name)
    artifact = hub.registry.get(name)
    if found.upstream is not None:
        import diffusers

        whole = getattr(diffusers, pipeline_class_of(found.folder))
        folder = fetch_pipeline(whole, found.upstream.repository, found.upstream.revision, what=found.name)
        return FrozenSource(Pin(name=str(artifact.name), digest=digest_of(folder)), folder, found.name)
    return FrozenSource(Pin(name=str(artifact.name), digest=found.digest), found.folder, found.name)


def find_dual_encoder(name: str, hub: LocalHub) -> FrozenSource:
    """The dual encoder called `name`, or the model in that folder; InvalidRequest for what reads no images."""
    found = find_encoder(name, hub)
    if "vision_config" not in read_json(found.folder / "config.json"):
        raise InvalidRequest(
            f"`{found.short_name}` reads no images: this method stands on a dual encoder, such as `--base emoji-clip`."
        )
    return found


def image_side(folder: Path) -> int:
    """Pixels of the images that a base was made for: its denoiser's latents times its autoencoder's factor, or what a
    dual encoder reads. DoesNotFit where its files do not say.
    """
    if (folder / "config.json").is_file() and "vision_config" in (found := read_json(folder / "config.json")):
        return int(found["vision_config"]["image_size"])
    try:
        parts = [folder / part / "config.json" for part in ("unet", "transformer") if (folder / part).is_dir()]
        latent = int(json.loads(parts[0].read_text(encoding="utf-8"))["sample_size"])
        blocks = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8"))["block_out_channels"]
    except (IndexError, KeyError, OSError, TypeError, ValueError) as error:
        raise DoesNotFit(f"`{folder.name}` does not say how large its images are ({error}).") from error
    side: int = latent * 2 ** (len(blocks) - 1)
    return side


def find_encoder(name: str, hub: LocalHub) -> FrozenSource:
    """The encoder called `name`, or the model in that folder. UnknownArtifact with near names."""
    if Path(name).is_dir():
        folder = Path(name).resolve()
        return FrozenSource(Pin(name=folder.name, digest=digest_of(folder)), folder, folder.name)
    artifact = hub.registry.get(name)
    if artifact.kind != "encoder":
        raise InvalidRequest(
            f"`{name}` is an artifact of kind {artifact.kind}, not an encoder: see `hub search --kind encoder`."
        )
    if artifact.variants:
        raise InvalidRequest(
            f"the encoder `{name}` was trained for {', '.join(artifact.bases)}, and lies inside its variants: "
            "load it with `load_pipeline`, or begin from one of `hub search --kind encoder`."
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
