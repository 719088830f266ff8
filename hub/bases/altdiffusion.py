"""AltDiffusion: a Stable Diffusion whose text encoder is a multilingual one of its own, m2, m9 and m18.

The base reads its languages itself; modules add others. It is used as Stable Diffusion is, 1.x (m2, m9) or 2.x (m18).
"""

from __future__ import annotations

from typing import Any

from hub.bases.stable_diffusion import StableDiffusion, StableDiffusionLanguage

ENCODER = "RobertaSeriesModelWithTransformation"


class AltDiffusionLanguage(StableDiffusionLanguage):
    """Finds the text encoder; `into(StableDiffusionControlNetPipeline, …)` and the like work, too."""

    @classmethod
    def load_config(cls, *arguments: Any, **settings: Any) -> Any:
        """As in diffusers, and the text encoder's class is named where diffusers 0.42 can import it.

        Published folders say `alt_diffusion`, a package that diffusers has moved, and diffusers' own `save_pretrained` says
        `diffusers`, which does not offer the class. What is imported is this project's, whatever the folder says.
        """
        loaded = super().load_config(*arguments, **settings)  # type: ignore[misc]
        config = loaded[0] if isinstance(loaded, tuple) else loaded
        if (config.get("text_encoder") or [None, None])[1] == ENCODER:
            config["text_encoder"] = [__name__, ENCODER]
        return loaded


class AltDiffusion(StableDiffusion):
    """diffusers keeps these pipelines among the deprecated ones; they work."""

    name = "altdiffusion"
    pipeline_classes = ("AltDiffusionImg2ImgPipeline", "AltDiffusionPipeline")
    trained_classes = ()
    mixin = AltDiffusionLanguage


def __getattr__(name: str) -> Any:
    """The text encoder's class, and the base class by which diffusers knows how to load it: it takes both from one module."""
    if name == ENCODER:
        from diffusers.pipelines.deprecated.alt_diffusion import modeling_roberta_series

        return getattr(modeling_roberta_series, ENCODER)
    if name == "PreTrainedModel":
        from transformers import PreTrainedModel

        return PreTrainedModel
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
