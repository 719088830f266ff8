"""AltDiffusion: a Stable Diffusion with its own multilingual text encoder: m2, m9 and m18.

The base reads its own languages; modules add others. It is used like Stable Diffusion 1.x (m2, m9) or 2.x (m18).
"""

from __future__ import annotations

from typing import Any

from hub.bases.families.stable_diffusion import StableDiffusion, StableDiffusionLanguage

ENCODER = "RobertaSeriesModelWithTransformation"


class AltDiffusionLanguage(StableDiffusionLanguage):
    """Stable Diffusion's mixin, which also finds the text encoder; `into(StableDiffusionControlNetPipeline, …)` works."""

    @classmethod
    def load_config(cls, *arguments: Any, **settings: Any) -> Any:
        """Load the configuration as diffusers does, with a text encoder class that diffusers 0.42 can import.

        Published folders name `alt_diffusion`, a package that diffusers has moved, and its `save_pretrained`
        names `diffusers`, which does not export the class. So this module is named instead.
        """
        loaded = super().load_config(*arguments, **settings)  # type: ignore[misc]
        config = loaded[0] if isinstance(loaded, tuple) else loaded
        if (config.get("text_encoder") or [None, None])[1] == ENCODER:
            config["text_encoder"] = [__name__, ENCODER]
        return loaded


class AltDiffusion(StableDiffusion):
    """AltDiffusion's pipelines, which diffusers has deprecated; they work."""

    name = "altdiffusion"
    pipeline_classes = ("AltDiffusionImg2ImgPipeline", "AltDiffusionPipeline")
    trained_classes = ()
    mixin = AltDiffusionLanguage


def __getattr__(name: str) -> Any:
    """Return the text encoder's class, or the base class from which diffusers loads it through this module."""
    if name == ENCODER:
        from diffusers.pipelines.deprecated.alt_diffusion import modeling_roberta_series

        return getattr(modeling_roberta_series, ENCODER)
    if name == "PreTrainedModel":
        from transformers import PreTrainedModel

        return PreTrainedModel
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
