"""Image bases whose own text encoder is a T5: CogView3+, Kandinsky 3, PRX, Bria, Cosmos 2 and DeepFloyd IF."""

from __future__ import annotations

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.padding import ZeroPaddedLanguage

CogView3Plus = row(
    "cogview3-plus",
    "CogView3Plus",
    Reads(width="text_embed_dim"),
    zeros_without_negative=True,
    with_embeddings={"negative_prompt": ""},  # without a text, zeros replace negative embeddings
)
Kandinsky3 = row(
    "kandinsky-3",
    "Kandinsky3 Kandinsky3Img2Img",
    Reads(width="encoder_hid_dim", mask=True),
    gives=("tokens_BLC", "", "mask_BL"),
    arguments={"tokens_BLC": "prompt_embeds", "mask_BL": "attention_mask"},
    denoiser="unet",
    zeros_without_negative=True,
)
PRX = row("prx", "PRX PRXPixel", Reads(width="context_in_dim", mask=True), gives=("tokens_BLC", "mask_BL"))
Bria = row(
    "bria",
    "Bria",
    Reads(width="joint_attention_dim", mask=True),
    mixin=ZeroPaddedLanguage,
    zeros_without_negative=True,
)
Cosmos = row(
    "cosmos",
    "Cosmos2TextToImage Cosmos2VideoToWorld CosmosTextToWorld CosmosVideoToWorld",
    Reads(width="text_embed_dim", mask=True),
    mixin=ZeroPaddedLanguage,
)
IF = row(
    "deepfloyd-if",
    "IF IFImg2Img IFImg2ImgSuperResolution IFInpainting IFInpaintingSuperResolution IFSuperResolution",
    Reads(width="encoder_hid_dim"),
    denoiser="unet",
)
