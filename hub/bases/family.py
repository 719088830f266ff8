"""A family of bases: pipelines that share one conditioning, one way to take embeddings, and one way to be trained through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

from hub.bases.language_mixin import LanguageMixin, with_language
from hub.errors import Damaged, DoesNotFit, UnknownFile
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
"""How names of pipeline classes begin → `module:class` of the families that come with the project; the longest beginning counts."""


class Family:
    """What the project must know of a base. A subclass is made without arguments, and importing it imports no tensor library."""

    name: str
    """`stable-diffusion`."""
    pipeline_classes: tuple[str, ...]
    """`_class_name` in model_index.json of the pipelines that belong to it."""
    trained_classes: tuple[str, ...] = ()
    """Those of them that modules can be trained for, through `frozen`."""
    denoiser: str
    """Folder and component of what reads the conditioning: `unet`, `transformer`."""
    mixin: ClassVar[type[LanguageMixin]]
    """How the pipelines take embeddings."""
    frozen: ClassVar[type[Any]]
    """How the pipelines are trained through: a `hub.bases.frozen.FrozenBase`."""

    def conditioning(self, folder: Path) -> Conditioning:
        """What the denoiser of the base in `folder` reads, from its configuration files alone."""
        raise NotImplementedError

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """A subclass of `pipeline_class` that asks its interpreter for embeddings; the same one for the same class."""
        return with_language(self.mixin, pipeline_class)


def family_of(folder: Path, *, what: str = "") -> Family:
    """The family of the diffusers pipeline kept in `folder`, by the class its model_index.json names.

    `what` names the base in messages. Raises UnknownFile for a folder that holds no pipeline, DoesNotFit for another family.
    """
    name = pipeline_class_of(folder)
    for family in _candidates(name):
        if name in family.pipeline_classes:
            return family
    known = ", ".join(sorted({each.name for each in families()}))
    raise DoesNotFit(f"`{what or folder.name}` is a `{name}`, of no family that takes language modules here: {known}.")


def families() -> Iterator[Family]:
    """All of them; every file is imported."""
    yield from (resolve(each)() for each in dict.fromkeys(FAMILIES.values()))
    yield from _advertised()


def _candidates(pipeline_class: str) -> Iterator[Family]:
    """Ours by the beginning of its name, whose file alone is imported; then those of other distributions."""
    if beginnings := [each for each in FAMILIES if pipeline_class.startswith(each)]:
        yield resolve(FAMILIES[max(beginnings, key=len)])()
    yield from _advertised()


def _advertised() -> Iterator[Family]:
    yield from (cast(Family, load(GROUP, each)()) for each in advertised(GROUP))


def conditioning_of(folder: Path) -> Conditioning:
    """What the base in `folder` reads, without reading a weight."""
    return family_of(folder).conditioning(folder)


def read_widths(folder: Path) -> Conditioning:
    """What transformers of joint attention read, by their configuration: any number of states, and a pooled vector."""
    config = read_json(folder / "transformer" / "config.json")
    width, pooled = config.get("joint_attention_dim"), config.get("pooled_projection_dim")
    if not isinstance(width, int) or not isinstance(pooled, int):
        raise Damaged(
            f"the transformer of `{folder.name}` names no width of its conditioning: {width!r}, pooled {pooled!r}."
        )
    return Conditioning(width=width, pooled_width=pooled)


def pipeline_class_of(folder: Path) -> str:
    """`_class_name` of a diffusers pipeline's folder."""
    name = read_json(folder / "model_index.json").get("_class_name")
    if not isinstance(name, str):
        raise Damaged(f"the model_index.json of `{folder.name}` names no pipeline class.")
    return name


def read_json(path: Path) -> dict[str, Any]:
    """A configuration file, or UnknownFile, or Damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UnknownFile(f"{path.parent.name}/{path.name}") from error
    except (OSError, ValueError) as error:
        raise Damaged(f"`{path.parent.name}/{path.name}` is no JSON file: {error}.") from error
    if not isinstance(found, dict):
        raise Damaged(f"`{path.parent.name}/{path.name}` holds no JSON object.")
    return found
