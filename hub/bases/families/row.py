"""Create a family from a row, for pipelines that take embeddings unchanged, without special rules."""

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
    trained: str = "",
    frozen: type[Any] | None = None,
    **settings: Any,
) -> type[Family]:
    """Return a family called `name`.

    `pipelines` are diffusers' class names without `Pipeline`, separated by spaces; those in `trained` can be trained through
    `frozen`. `gives` and `settings` are attributes of the family's mixin, a subclass of `mixin`: see `LanguageMixin`.
    """
    language = type(f"{name}-language", (mixin,), {"gives": gives, "takes_finished": True, **settings})
    attributes = {
        "name": name,
        "pipeline_classes": tuple(f"{each}Pipeline" for each in pipelines.split()),
        "trained_classes": tuple(f"{each}Pipeline" for each in trained.split()),
        "reads": reads,
        "denoiser": denoiser,
        "mixin": language,
        "frozen": frozen,
    }
    return type(name, (Family,), attributes)
