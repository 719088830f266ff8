"""mCLIP's projectors: one for a frozen dual encoder's features, one for a frozen multilingual encoder's token states.

Layers and key names are those of the published code (Chen et al., mCLIP, ACL 2023; `ghchen18/acl23_mclip`,
`fairseq/models/transformer_multimodal.py`): `dim_proj`, `encoder_adapter.0`, `encoder_adapter.1`, and `it_logit_scale`
of the criterion. fairseq's post-norm layer is BART's in transformers, with the same keys.

Shape letters: B batch, L tokens of the encoder, E encoder width (also the joint one), P width of the dual encoder's
features.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BartConfig
from transformers.models.bart.modeling_bart import BartEncoderLayer

from hub.embeddings import Embeddings

POOLS = ("last", "first", "mean")
LOG_SCALE = math.log(1 / 0.07)
"""Initial value of CLIP's and mCLIP's learned scale (Radford et al. 2021): temperature 0.07."""
MAX_SCALE = 100.0


class Triangle(nn.Module):
    """Projectors that map images, English captions and texts of any language to one space of the encoder's width.

    `pool` selects the token that represents a text: as published the `last` that counts, `</s>`, which is the last position
    with the original's left padding; `first` and `mean` are ours. Padding is masked, so its side does not matter.
    Original sizes, with XLM-R-base and CLIP ViT-B/32: widths 768 and 512, 2 layers, 12 heads, 3072, dropout 0.3, and 0.1 in attention.
    """

    def __init__(
        self,
        in_width: int,
        feature_width: int,
        heads: int = 12,
        layers: int = 2,
        hidden_width: int | None = None,
        dropout: float = 0.3,
        pool: str = "last",
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if in_width % heads:
            raise ValueError(f"`in_width` {in_width} cannot be split among {heads} heads.")
        if pool not in POOLS:
            raise ValueError(f"`pool` is {pool!r}, not one of {', '.join(POOLS)}.")
        self.pool = pool
        layer = BartConfig(
            d_model=in_width,
            encoder_attention_heads=heads,
            encoder_ffn_dim=hidden_width or 4 * in_width,
            activation_function="gelu",
            dropout=dropout,
            attention_dropout=attention_dropout,
            activation_dropout=0.0,
            attn_implementation="eager",
        )
        self.dim_proj = nn.Linear(feature_width, in_width, bias=False)
        self.encoder_adapter = nn.ModuleList(BartEncoderLayer(layer) for _ in range(layers))
        self.it_logit_scale = nn.Parameter(torch.full((1,), LOG_SCALE))

    @property
    def scale(self) -> Tensor:
        """Return the factor of text-image cosines: exp of the learned scale, at most 100. Shape: (1,)."""
        return self.it_logit_scale.exp().clamp(max=MAX_SCALE)

    def features(self, features_BP: Tensor) -> Tensor:
        """Project the dual encoder's features of images or English texts to the joint space: (B, P) → (B, E)."""
        projected_BE: Tensor = self.dim_proj(features_BP)
        return projected_BE

    def texts(self, tokens_BLE: Tensor, mask_BL: Tensor) -> Tensor:
        """Project texts to the joint space: (B, L, E), (B, L) true where a token counts → (B, E)."""
        mask_BL = mask_BL.bool()
        hidden_B11L = torch.zeros_like(mask_BL, dtype=tokens_BLE.dtype).masked_fill(~mask_BL, -torch.inf)[:, None, None]
        for layer in self.encoder_adapter:
            tokens_BLE = layer(tokens_BLE, attention_mask=hidden_B11L)
        if self.pool == "mean":
            weight_BL1 = mask_BL[:, :, None].to(tokens_BLE.dtype)
            return (tokens_BLE * weight_BL1).sum(1) / weight_BL1.sum(1)
        place_L = torch.arange(mask_BL.shape[1], device=mask_BL.device)
        place_B = (place_L * mask_BL).argmax(1) if self.pool == "last" else mask_BL.int().argmax(1)
        return tokens_BLE[torch.arange(len(tokens_BLE), device=tokens_BLE.device), place_B]

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Shapes: (B, L, E), (B, L) → one unit vector per text, (B, 1, E), for retrieval."""
        if mask_BL is None:
            mask_BL = torch.ones(tokens_BLE.shape[:2], dtype=torch.bool, device=tokens_BLE.device)
        return Embeddings(F.normalize(self.texts(tokens_BLE, mask_BL).float(), dim=1)[:, None])
