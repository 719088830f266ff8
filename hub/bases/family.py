"""Families of bases: pipelines that share one conditioning, one way to take embeddings, and one way to train through them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

from hub.bases.language_mixin import LanguageMixin, with_language
from hub.errors import DamagedFile, DoesNotFit, UnknownFile
from hub.plugins import advertised, load, resolve
from hub.records import Conditioning

GROUP = "hub.bases"
FAMILIES = {
    "AltDiffusion": "hub.bases.altdiffusion:AltDiffusion",
    "Flux": "hub.bases.flux:Flux",
    "LatentConsistencyModel": "hub.bases.stable_diffusion:StableDiffusion",
    "PixArt": "hub.bases.pixart:PixArt",
    "Sana": "hub.bases.sana:Sana",
    "StableDiffusion": "hub.bases.stable_diffusion:StableDiffusion",
    "StableDiffusion3": "hub.bases.stable_diffusion_3:StableDiffusion3",
    "StableDiffusionXL": "hub.bases.stable_diffusion_xl:StableDiffusionXL",
}
"""Prefix of pipeline class names → `module:class` of the built-in families; the longest prefix wins."""


class Family:
    """The properties of a family of bases. Subclasses take no arguments, and importing one imports no tensor library."""

    name: str
    """`stable-diffusion`."""
    pipeline_classes: tuple[str, ...]
    """`_class_name` in model_index.json of its pipelines."""
    trained_classes: tuple[str, ...] = ()
    """The classes that modules can be trained for, through `frozen`."""
    denoiser: str
    """Folder and component that reads the conditioning: `unet` or `transformer`."""
    mixin: ClassVar[type[LanguageMixin]]
    """Passes embeddings to the pipelines."""
    frozen: ClassVar[type[Any]]
    """Runs the pipelines for training: a `hub.bases.frozen.FrozenBase`."""

    def conditioning(self, folder: Path) -> Conditioning:
        """Return the conditioning of the base in `folder`, from its configuration files alone. Raises DamagedFile and UnknownFile."""
        raise NotImplementedError

    def reads(self, pipeline_class: type[Any]) -> bool:
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
    raise DoesNotFit(
        f"`{what or folder.name}` is a `{name}`, which takes no language modules here; supported families: {known}."
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


def read_widths(folder: Path) -> Conditioning:
    """Return the conditioning of a joint-attention transformer: any number of token states, and a pooled vector. Raises DamagedFile."""
    config = read_json(folder / "transformer" / "config.json")
    width, pooled = config.get("joint_attention_dim"), config.get("pooled_projection_dim")
    if not isinstance(width, int) or not isinstance(pooled, int):
        raise DamagedFile(
            f"the transformer config of `{folder.name}` lacks conditioning widths: {width!r}, pooled {pooled!r}."
        )
    return Conditioning(width=width, pooled_width=pooled)


def pipeline_class_of(folder: Path) -> str:
    """Return `_class_name` of the diffusers pipeline in `folder`. Raises UnknownFile and DamagedFile."""
    name = read_json(folder / "model_index.json").get("_class_name")
    if not isinstance(name, str):
        raise DamagedFile(f"the model_index.json of `{folder.name}` names no pipeline class.")
    return name


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
