"""AltDiffusion's head: one linear map from every state of a text encoder to the input of the denoiser.

Key names are those of `RobertaSeriesModelWithTransformation` in diffusers and FlagAI (Ye et al., AAAI 2024, arXiv
2308.09991). Published encoders have two readouts, and a wrong one silently degrades images: m2 and m9 map the last
states directly, transformers' `AltCLIPTextModel` normalises them first. `norm` selects.

Shape letters: B batch, L tokens, E encoder width, C conditioning width, P pooled width.
"""

from __future__ import annotations

from torch import Tensor, nn

from hub.embeddings import Embeddings, masked_mean


class Transformation(nn.Module):
    """W·x + b, or with `norm` W·LN(x) + b.

    For bases with a pooled vector, `pool` maps the mean of the states that count, E → P. `mask` passes the encoder's mask on, for
    denoisers that read one. Published encoders have neither; both are ours.
    """

    def __init__(
        self, in_width: int, out_width: int, norm: bool = False, pooled_width: int | None = None, mask: bool = False
    ) -> None:
        super().__init__()
        self.gives_mask = mask
        self.pre_LN = nn.LayerNorm(in_width) if norm else None
        self.transformation = nn.Linear(in_width, out_width)
        self.pool = None if pooled_width is None else nn.Linear(in_width, pooled_width)

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Shapes: (B, L, E) → tokens (B, L, C), with a pooled width pooled (B, P), with `mask` the mask."""
        x_BLE = tokens_BLE if self.pre_LN is None else self.pre_LN(tokens_BLE)
        pooled_BP = None if self.pool is None else self.pool(masked_mean(x_BLE, mask_BL))
        return Embeddings(self.transformation(x_BLE), pooled_BP, mask_BL if self.gives_mask else None)
