"""Video bases whose own text encoder is a T5 or UMT5: Wan, LTX, CogVideoX, Mochi and their kin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.bases.families.row import row
from hub.bases.family import Family, Reads, read_json
from hub.bases.padding import ZeroPaddedLanguage

if TYPE_CHECKING:
    from hub.conditioning import Conditioning

Wan = row(
    "wan",
    "LucyEdit Wan WanAnimate WanImageToVideo WanVACE WanVideoToVideo",
    Reads(width="text_dim", mask=True),
    mixin=ZeroPaddedLanguage,
)
SkyReelsV2 = row(
    "skyreels-v2",
    "SkyReelsV2 SkyReelsV2DiffusionForcing SkyReelsV2DiffusionForcingImageToVideo SkyReelsV2DiffusionForcingVideoToVideo "
    "SkyReelsV2ImageToVideo",
    Reads(width="text_dim", mask=True),
    mixin=ZeroPaddedLanguage,
)
AnyFlow = row("anyflow", "AnyFlow AnyFlowFAR", Reads(width="text_dim", mask=True), mixin=ZeroPaddedLanguage)
ChronoEdit = row("chronoedit", "ChronoEdit", Reads(width="text_dim", mask=True), mixin=ZeroPaddedLanguage)
Helios = row("helios", "Helios HeliosPyramid", Reads(width="text_dim", mask=True), mixin=ZeroPaddedLanguage)
Allegro = row("allegro", "Allegro", Reads(width="caption_channels", mask=True), gives=("tokens_BLC", "mask_BL"))
Latte = row("latte", "Latte", Reads(width="caption_channels"), with_embeddings={"mask_feature": False})
LTX = row(
    "ltx",
    "LTX LTXCondition LTXI2VLongMultiPrompt LTXImageToVideo",
    Reads(width="caption_channels", mask=True),
    gives=("tokens_BLC", "mask_BL"),
)
Mochi = row("mochi", "Mochi", Reads(width="text_embed_dim", mask=True), gives=("tokens_BLC", "mask_BL"))
MotifVideo = row(
    "motif-video",
    "MotifVideo MotifVideoImage2Video",
    Reads(width="text_embed_dim", mask=True),
    gives=("tokens_BLC", "", "mask_BL"),
)
_CogVideoX: type[Family] = row(
    "cogvideox",
    "CogVideoX CogVideoXFunControl CogVideoXImageToVideo CogVideoXVideoToVideo",
    Reads(width="text_embed_dim"),
)


class CogVideoX(_CogVideoX):  # type: ignore[misc,valid-type]
    """CogVideoX: where its transformer adds positions to embeddings (2B, and 5B from images), it takes a fixed number of tokens."""

    def conditioning(self, folder: Path) -> Conditioning:
        """Return the conditioning of the base in `folder`. Raises DamagedFile and UnknownFile."""
        config = read_json(folder / self.denoiser / "config.json")
        is_rotary = config.get("use_rotary_positional_embeddings") and not config.get(
            "use_learned_positional_embeddings"
        )
        length = None if is_rotary else "max_text_seq_length"
        return Reads(width="text_embed_dim", length=length).conditioning(folder, self.denoiser)
