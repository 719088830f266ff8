"""MuLan's adapter: any number of token states in, a fixed number of learned queries out.

Layers, order and key names are those of `LanguageAdapter` in mulankit (Xing et al., MuLan, arXiv 2412.01271), so that
published weights load unchanged.

Shape letters: B batch, L tokens of the encoder, E encoder width, Q queries, C conditioning width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.embeddings import Embeddings


class Resampler(nn.Module):
    """E → C by a two-layer MLP, then Q learned queries read the result through an encoder-decoder transformer.

    As published there is no positional embedding and no padding mask: the transformer also reads the encoder's states at
    padding, so prompts must be padded to the training length.

    `mask` and `normalise_input` are ours, off by default, and add no weights: `mask` masks padding,
    `normalise_input` normalises each token state to mean 0 and deviation 1 (no scale, no shift).
    """

    resamples = True
    """Output tokens are queries: they match no single token of the text, and none is padding."""

    def __init__(
        self,
        in_width: int,
        out_width: int,
        queries: int = 120,
        heads: int = 8,
        encoder_layers: int = 1,
        decoder_layers: int = 1,
        mask: bool = False,
        normalise_input: bool = False,
    ) -> None:
        super().__init__()
        if out_width % heads:
            raise ValueError(f"`out_width` {out_width} cannot be split among {heads} heads.")
        self.mask = mask
        self.normalise_input = normalise_input
        self.proj = nn.Sequential(nn.Linear(in_width, out_width), nn.GELU(), nn.Linear(out_width, out_width))
        self.queries = nn.Parameter(torch.randn(1, queries, out_width))
        self.transformer = nn.Transformer(
            d_model=out_width,
            nhead=heads,
            num_decoder_layers=decoder_layers,
            dim_feedforward=4 * out_width,
            dropout=0.0,
            batch_first=True,
            norm_first=True,
            # The stack of nn.Transformer itself, without its warning that nested tensors need post-norm.
            custom_encoder=nn.TransformerEncoder(
                nn.TransformerEncoderLayer(out_width, heads, 4 * out_width, 0.0, batch_first=True, norm_first=True),
                num_layers=encoder_layers,
                norm=nn.LayerNorm(out_width),
                enable_nested_tensor=False,
            ),
        )

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Shapes: (B, L, E), (B, L) true where a token counts → tokens (B, Q, C)."""
        if self.normalise_input:
            tokens_BLE = F.layer_norm(tokens_BLE, tokens_BLE.shape[-1:])
        ignored_BL = ~mask_BL.bool() if self.mask and mask_BL is not None else None
        x_BQC = self.transformer(
            src=self.proj(tokens_BLE),
            tgt=self.queries.expand(len(tokens_BLE), -1, -1),
            src_key_padding_mask=ignored_BL,
            memory_key_padding_mask=ignored_BL,
        )
        return Embeddings(x_BQC)
