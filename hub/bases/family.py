"""Families of bases: pipelines that share one conditioning, one way to take embeddings, and one way to train through them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from hub.bases.language_mixin import LanguageMixin
from hub.bases.pipeline_class import with_language
from hub.bases.refused import REFUSED
from hub.conditioning import Conditioning, Stream
from hub.errors import DamagedFile, DoesNotFit, UnknownFile
from hub.plugins import advertised, load, resolve

GROUP = "hub.bases"
FAMILIES = {
    "Allegro": "hub.bases.families.video.t5_encoders:Allegro",
    "AltDiffusion": "hub.bases.families.altdiffusion:AltDiffusion",
    "AnyFlow": "hub.bases.families.video.t5_encoders:AnyFlow",
    "AuraFlow": "hub.bases.families.joint_attention:AuraFlow",
    "Bria": "hub.bases.families.images.t5:Bria",
    "BriaFibo": "hub.bases.families.streams.fibo:BriaFibo",
    "BriaFibo2": "hub.bases.families.streams.layers:BriaFibo2",
    "Chroma": "hub.bases.families.joint_attention:Chroma",
    "ChronoEdit": "hub.bases.families.video.t5_encoders:ChronoEdit",
    "CogVideoX": "hub.bases.families.video.t5_encoders:CogVideoX",
    "CogView3Plus": "hub.bases.families.images.t5:CogView3Plus",
    "CogView4": "hub.bases.families.joint_attention:CogView4",
    "Cosmos": "hub.bases.families.images.t5:Cosmos",
    "Cosmos2_5": "hub.bases.families.video.language_models:Cosmos25",
    "EasyAnimate": "hub.bases.families.video.language_models:EasyAnimate",
    "ErnieImage": "hub.bases.families.streams.ernie_image:ErnieImage",
    "Flux": "hub.bases.families.flux:Flux",
    "Flux2": "hub.bases.families.joint_attention:Flux2",
    "Flux2Klein": "hub.bases.families.joint_attention:Flux2Klein",
    "Helios": "hub.bases.families.video.t5_encoders:Helios",
    "HiDreamImage": "hub.bases.families.streams.layers:HiDream",
    "HunyuanDiT": "hub.bases.families.streams.hunyuan_dit:HunyuanDiT",
    "HunyuanImage": "hub.bases.families.streams.hunyuan_image:HunyuanImage",
    "HunyuanImageRefiner": "hub.bases.families.streams.hunyuan_image:HunyuanImageRefiner",
    "HunyuanSkyreels": "hub.bases.families.video.language_models:HunyuanVideo",
    "HunyuanVideo": "hub.bases.families.video.language_models:HunyuanVideo",
    "HunyuanVideo15": "hub.bases.families.video.language_models:HunyuanVideo15",
    "Ideogram4": "hub.bases.families.streams.ideogram_4:Ideogram4",
    "IF": "hub.bases.families.images.t5:IF",
    "Kandinsky3": "hub.bases.families.images.t5:Kandinsky3",
    "Kandinsky5": "hub.bases.families.streams.kandinsky_5:Kandinsky5",
    "Kolors": "hub.bases.families.joint_attention:Kolors",
    "Krea2": "hub.bases.families.streams.layers:Krea2",
    "LatentConsistencyModel": "hub.bases.families.stable_diffusion:StableDiffusion",
    "Latte": "hub.bases.families.video.t5_encoders:Latte",
    "LongCatImage": "hub.bases.families.images.language_models:LongCatImage",
    "LTX": "hub.bases.families.video.t5_encoders:LTX",
    "LTX2": "hub.bases.families.video.language_models:LTX2",
    "LucyEdit": "hub.bases.families.video.t5_encoders:Wan",
    "Lumina": "hub.bases.families.images.language_models:Lumina",
    "Lumina2": "hub.bases.families.joint_attention:Lumina2",
    "Mochi": "hub.bases.families.video.t5_encoders:Mochi",
    "MotifVideo": "hub.bases.families.video.t5_encoders:MotifVideo",
    "NucleusMoEImage": "hub.bases.families.joint_attention:NucleusMoEImage",
    "OvisImage": "hub.bases.families.images.language_models:OvisImage",
    "PixArt": "hub.bases.families.pixart:PixArt",
    "PRX": "hub.bases.families.images.t5:PRX",
    "QwenImage": "hub.bases.families.joint_attention:QwenImage",
    "QwenImage21": "hub.bases.families.streams.qwen_image_21:QwenImage21",
    "Sana": "hub.bases.families.sana:Sana",
    "SanaImageToVideo": "hub.bases.families.video.language_models:SanaVideo",
    "SanaVideo": "hub.bases.families.video.language_models:SanaVideo",
    "SkyReelsV2": "hub.bases.families.video.t5_encoders:SkyReelsV2",
    "StableCascadePrior": "hub.bases.families.images.clip:StableCascadePrior",
    "StableDiffusion": "hub.bases.families.stable_diffusion:StableDiffusion",
    "StableDiffusion3": "hub.bases.families.stable_diffusion_3:StableDiffusion3",
    "StableDiffusionXL": "hub.bases.families.stable_diffusion_xl:StableDiffusionXL",
    "StableUnCLIP": "hub.bases.families.stable_diffusion:StableDiffusion",
    "Wan": "hub.bases.families.video.t5_encoders:Wan",
    "ZImage": "hub.bases.families.z_image:ZImage",
    "ZImageOmni": "hub.bases.families.z_image:ZImageOmni",
}
"""Prefix of pipeline class names → `module:class` of the built-in families; the longest prefix wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Also:
    """A further stream of a denoiser; numbers as in `Reads`."""

    name: str
    width: str | int
    length: str | int | None = None
    layers: str | int = 1
    mask: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Where the configuration files of a family describe the inputs of its denoiser.

    A number is a constant or a key: `caption_channels` of the denoiser, `text_encoder_2:projection_dim` of another component,
    `text_encoder:text_config.hidden_size` inside a mapping, `caption_channels.0` inside a list, `layers[]` for the length of a
    list, `layers{}` for the number of distinct values in it, `text_encoder:num_hidden_layers+1` for a sum.
    """

    width: str | int
    length: str | int | None = None
    pooled: str | int | None = None
    mask: bool = False
    layers: str | int = 1
    packing: str = "padded"
    streams: tuple[Also, ...] = ()

    def conditioning(self, folder: Path, denoiser: str) -> Conditioning:
        """Return the conditioning of the base in `folder`. Raises DamagedFile for a missing number, and UnknownFile."""

        def number(key: str | int | None) -> Any:
            return _number(folder, denoiser, key)

        return Conditioning(
            width=number(self.width),
            length=number(self.length),
            pooled_width=number(self.pooled),
            mask=self.mask,
            layers=number(self.layers),
            packing=self.packing,
            streams=tuple(
                Stream(
                    name=each.name,
                    width=number(each.width),
                    length=number(each.length),
                    layers=number(each.layers),
                    mask=each.mask,
                    optional=each.optional,
                )
                for each in self.streams
            ),
        )


def _number(folder: Path, denoiser: str, key: str | int | None) -> int | None:
    if key is None or isinstance(key, int):
        return key
    key, _, more = key.partition("+")
    component, _, path = key.rpartition(":")
    found: Any = read_json(folder / (component or denoiser) / "config.json")
    for name in path.rstrip("[]{}").split("."):
        found = found.get(name) if isinstance(found, dict) else _item(found, name)
    if isinstance(found, list) and path != path.rstrip("[]{}"):
        found = len(found) if path.endswith("[]") else len(set(found))
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        raise DamagedFile(
            f"the {component or denoiser} of `{folder.name}` has the invalid `{path}` {found!r}: it must be a number."
        )
    return found + int(more or 0)


def _item(values: Any, place: str) -> Any:
    return values[int(place)] if isinstance(values, list) and place.isdecimal() and int(place) < len(values) else None


class Family:
    """The properties of a family of bases. Subclasses take no arguments, and importing one imports no tensor library."""

    name: str
    """`stable-diffusion`."""
    pipeline_classes: tuple[str, ...]
    """`_class_name` in model_index.json of its pipelines."""
    trained_classes: tuple[str, ...] = ()
    """The classes that modules can be trained for, through `frozen`."""
    denoiser: str = "transformer"
    """Folder and component that reads the conditioning: `unet` or `transformer`."""
    reads: ClassVar[Reads]
    """Where configuration files describe the inputs of the denoiser."""
    mixin: ClassVar[type[LanguageMixin]]
    """Passes embeddings to the pipelines."""
    frozen: ClassVar[type[Any]]
    """Runs the pipelines for training: a `hub.bases.frozen.FrozenBase`."""

    def conditioning(self, folder: Path) -> Conditioning:
        """Return the conditioning of the base in `folder`, from its configuration files alone. Raises DamagedFile and UnknownFile."""
        return self.reads.conditioning(folder, self.denoiser)

    def has_class(self, pipeline_class: type[Any]) -> bool:
        """Return whether `pipeline_class`, or a class it inherits from, is of this family."""
        return any(each.__name__ in self.pipeline_classes for each in pipeline_class.__mro__)

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """Return the subclass of `pipeline_class` that gets embeddings from its prompt encoder; cached."""
        return with_language(self.mixin, pipeline_class)


def family_of(folder: Path, *, what: str = "") -> Family:
    """Return the family of the diffusers pipeline in `folder`, by the class its model_index.json names.

    `what` names the base in messages. Raises UnknownFile for a folder without a pipeline, DoesNotFit for an unknown family.
    """
    name = pipeline_class_of(folder)
    for family in _candidates(name):
        if name in family.pipeline_classes:
            return family
    known = ", ".join(sorted({each.name for each in families()}))
    reason = f" ({REFUSED[name]})" if name in REFUSED else ""
    raise DoesNotFit(
        f"`{what or folder.name}` is a `{name}`, which does not support language modules{reason}; supported families: {known}. "
        "A family is a file like hub/bases/families/sana.py, or an entry point: see docs/tutorials/add-a-base-family.md."
    )


def families() -> Iterator[Family]:
    """Yield all families. Imports every file."""
    yield from (resolve(each)() for each in dict.fromkeys(FAMILIES.values()))
    yield from _advertised()


def _candidates(pipeline_class: str) -> Iterator[Family]:
    """Yield the built-in family for a class name, importing its file alone, then those of other distributions."""
    if prefixes := [each for each in FAMILIES if pipeline_class.startswith(each)]:
        yield resolve(FAMILIES[max(prefixes, key=len)])()
    yield from _advertised()


def _advertised() -> Iterator[Family]:
    yield from (cast(Family, load(GROUP, each)()) for each in advertised(GROUP))


def conditioning_of(folder: Path) -> Conditioning:
    """Return the conditioning of the base in `folder`, without reading weights. Raises like `family_of`."""
    return family_of(folder).conditioning(folder)


def pipeline_class_of(folder: Path) -> str:
    """Return `_class_name` of the diffusers pipeline in `folder`. Raises UnknownFile, DamagedFile, and DoesNotFit for remote code."""
    index = read_json(folder / "model_index.json")
    name = index.get("_class_name")
    _refuse_own_code(folder, index)
    if not isinstance(name, str):
        raise DamagedFile(f"the model_index.json of `{folder.name}` names no pipeline class.")
    return name


def missing_components(folder: Path) -> dict[str, None]:
    """Return the components of the diffusers pipeline in `folder` that were saved as None, such as a T5 left out to save memory.

    diffusers requires those that are not optional to be passed as None. Raises like `family_of`.
    """
    index = read_json(folder / "model_index.json")
    return {
        name: None for name, listed in index.items() if isinstance(listed, list) and listed and set(listed) == {None}
    }


def _refuse_own_code(folder: Path, index: dict[str, Any]) -> None:
    """Raise DoesNotFit for a pipeline or a component whose class is a file of the folder: downloaded code never runs."""
    name = index.get("_class_name")
    files = [f"{name[0]}.py"] if isinstance(name, list) and name and isinstance(name[0], str) else []
    files += [
        f"{component}/{listed[0]}.py"
        for component, listed in index.items()
        if isinstance(listed, list)
        and listed
        and isinstance(listed[0], str)
        and (folder / component / f"{listed[0]}.py").is_file()
    ]
    if files:
        raise DoesNotFit(
            f"`{folder.name}` needs its own code, {files[0]}, and downloaded code is never run: use a repository whose classes "
            "are part of diffusers and transformers."
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read a configuration file. Raises UnknownFile and DamagedFile."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UnknownFile(f"{path.parent.name}/{path.name}") from error
    except (OSError, ValueError) as error:
        raise DamagedFile(f"`{path.parent.name}/{path.name}` is not a JSON file: {error}.") from error
    if not isinstance(found, dict):
        raise DamagedFile(f"`{path.parent.name}/{path.name}` is not a JSON object.")
    return found
