"""Image bases whose own text encoder is a language model: Lumina-Next, LongCat-Image and Ovis-Image."""

from __future__ import annotations

from typing import Any

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.language_mixin import Language, LanguageMixin
from hub.bases.padding import ZeroPaddedLanguage

Lumina = row("lumina", "Lumina", Reads(width="cross_attention_dim", mask=True), gives=("tokens_BLC", "mask_BL"))
OvisImage = row("ovis-image", "OvisImage", Reads(width="joint_attention_dim", mask=True), mixin=ZeroPaddedLanguage)


class LongCatImageLanguage(LanguageMixin):
    """LongCat-Image's mixin: with a module, prompts are not rewritten by the base's language model unless the caller asks for it."""

    def __call__(self, *arguments: Any, language: Language = None, **settings: Any) -> Any:
        """Run the pipeline as in diffusers."""
        if self._rewrites and self._prompt_encoder is not None and self._prompt_encoder.active():
            settings.setdefault("enable_prompt_rewrite", False)
        return super().__call__(*arguments, language=language, **settings)

    @property
    def _rewrites(self) -> bool:
        return hasattr(self, "rewire_prompt")


LongCatImage = row(
    "longcat-image",
    "LongCatImage LongCatImageEdit",
    Reads(width="joint_attention_dim"),
    mixin=LongCatImageLanguage,
    encodes_apart=True,
    keeps_prompt=True,
)
