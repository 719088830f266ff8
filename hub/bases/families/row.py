"""Make a family from a row: for pipelines that take embeddings as they are, without rules of their own."""

from __future__ import annotations

from typing import Any

from hub.bases.family import Family, Reads
from hub.bases.language_mixin import LanguageMixin


def row(
    name: str,
    pipelines: str,
    reads: Reads,
    *,
    gives: tuple[str, ...] = ("tokens_BLC",),
    denoiser: str = "transformer",
    mixin: type[LanguageMixin] = LanguageMixin,
    **settings: Any,
) -> type[Family]:
    """Return a family called `name`.

    `pipelines` are diffusers' class names without `Pipeline`, separated by spaces. `gives` and `settings` are attributes of the
    family's mixin, a subclass of `mixin`: see `LanguageMixin`.
    """
    language = type(f"{name}-language", (mixin,), {"gives": gives, "takes_finished": True, **settings})
    classes = tuple(f"{each}Pipeline" for each in pipelines.split())
    attributes = {"name": name, "pipeline_classes": classes, "reads": reads, "denoiser": denoiser, "mixin": language}
    return type(name, (Family,), attributes)
