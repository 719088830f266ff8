"""MuLan's adapter for Stable Diffusion XL: two resamplers side by side, and a head for the pooled vector.

Layers and key names are those of `LanguageAdapterXL` in mulankit (Xing et al., MuLan, arXiv 2412.01271): `adapter1`,
`adapter2`, `pool_caption_projection`, and in some files `add_embedding`.

Shape letters: B batch, L tokens of the encoder, E encoder width, D its pooled width, Q queries, C conditioning width, P
pooled width, N heads, W width of a head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.embeddings import Embeddings
from hub.errors import DoesNotFit
from hub.systems.mulan.caption_projection import TextProjection
from hub.systems.mulan.resampler import Resampler

POOLS = ("attention", "text")


class ResamplerXL(nn.Module):
    """Tokens are `adapter1` | `adapter2`, 1280 | 768: the reverse of SDXL's own order, which the denoiser never sees.

    `pool` selects `pool_caption_projection`: `attention` reads the adapted tokens, `text` projects the encoder's own pooled
    vector of width `text_width`. `add_embedding` is an input width, for files that also hold a layer of the denoiser, the
    embedding of pooled vector and sizes: it replaces the denoiser's own while this module is active.
    """

    resamples = True
    """Output tokens are queries: they match no single token of the text, and none is padding."""

    def __init__(
        self,
        in_width: int,
        widths: tuple[int, int] = (1280, 768),
        pooled_width: int = 1280,
        queries: int = 120,
        heads: int = 8,
        encoder_layers: int = 1,
        decoder_layers: int = 1,
        mask: bool = False,
        normalise_input: bool = False,
        pool: str = "attention",
        text_width: int = 768,
        add_embedding: int = 0,
    ) -> None:
        super().__init__()
        if pool not in POOLS:
            raise ValueError(f"`pool` is `{pool}`, not one of {', '.join(POOLS)}.")
        first, second = widths
        common = (queries, heads, encoder_layers, decoder_layers, mask, normalise_input)
        self.adapter1 = Resampler(in_width, first, *common)
        self.adapter2 = Resampler(in_width, second, *common)
        self.pool_caption_projection: AttentionPool | TextProjection
        if pool == "attention":
            self.pool_caption_projection = AttentionPool(queries, first + second, pooled_width, heads)
        else:
            self.pool_caption_projection = TextProjection(text_width, pooled_width)
        self.reads_pooled = text_width if pool == "text" else None
        """Width of the encoder's pooled vector, if this module reads it."""
        self.add_embedding = SizeEmbedding(add_embedding, pooled_width) if add_embedding else None

    @property
    def denoiser_parts(self) -> dict[str, nn.Module]:
        """Return replacements for parts of the denoiser, by name. mulankit's `transform` replaces this one for good."""
        return {} if self.add_embedding is None else {"add_embedding": self.add_embedding}

    def forward(
        self, tokens_BLE: Tensor, mask_BL: Tensor | None = None, encoder_pooled_BD: Tensor | None = None
    ) -> Embeddings:
        """Shapes: (B, L, E), (B, L), (B, D) → tokens (B, Q, C), pooled (B, P).

        Raises DoesNotFit if the head reads the encoder's pooled vector and there is none.
        """
        parts = [adapter(tokens_BLE, mask_BL).tokens_BLC for adapter in (self.adapter1, self.adapter2)]
        tokens_BQC = torch.cat(parts, dim=-1)
        if isinstance(self.pool_caption_projection, AttentionPool):
            return Embeddings(tokens_BQC, self.pool_caption_projection.pool(tokens_BQC))
        if encoder_pooled_BD is None:
            raise DoesNotFit(
                "this module's pooled head (`pool: text`) reads the encoder's own pooled vector, and its encoder has none: "
                "choose a module with `pool: attention`."
            )
        return Embeddings(tokens_BQC, self.pool_caption_projection.project(encoder_pooled_BD))


class AttentionPool(nn.Module):
    """`AttentionPool1d`: the mean of the tokens attends to all, as in CLIP's ResNets (Radford et al., 2021, §2.4)."""

    def __init__(self, queries: int, width: int, out_width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"the pooled head's width {width} cannot be split among {heads} heads.")
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(queries + 1, width) / width**0.5)
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, out_width)

    def pool(self, tokens_BQC: Tensor) -> Tensor:
        """Shape: (B, Q, C) → (B, P)."""
        x_BQC = torch.cat([tokens_BQC.mean(dim=1, keepdim=True), tokens_BQC], dim=1) + self.positional_embedding
        q_BN1W, k_BNQW, v_BNQW = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in (self.q_proj(x_BQC[:, :1]), self.k_proj(x_BQC), self.v_proj(x_BQC))
        )
        attended_BN1W = F.scaled_dot_product_attention(q_BN1W, k_BNQW, v_BNQW)
        pooled_BP: Tensor = self.c_proj(attended_BN1W.flatten(1))
        return pooled_BP


class SizeEmbedding(nn.Module):
    """Weights of diffusers' `TimestepEmbedding`, `linear_2(SiLU(linear_1(x)))`, to be used by `unet.add_embedding`."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(in_width, out_width)
        self.linear_2 = nn.Linear(out_width, out_width)
