"""AltDiffusion's head: one linear map from every state of a text encoder to what the denoiser reads.

Key names are those of `RobertaSeriesModelWithTransformation` in diffusers and FlagAI (Ye et al., AAAI 2024, arXiv
2308.09991). Published encoders have two readouts, and a wrong one silently degrades images: m2 and m9 map the last
states directly, transformers' `AltCLIPTextModel` normalises them first. `norm` selects.

Shape letters: B batch, L tokens, E encoder width, C conditioning width.
"""

from __future__ import annotations

from torch import Tensor, nn

from hub.embeddings import Embeddings


class Transformation(nn.Module):
    """W·x + b, or with `norm` W·LN(x) + b."""

    def __init__(self, in_width: int, out_width: int, norm: bool = False) -> None:
        super().__init__()
        self.pre_LN = nn.LayerNorm(in_width) if norm else None
        self.transformation = nn.Linear(in_width, out_width)

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:  # noqa: ARG002 - the signature of all modules
        """Shape: (B, L, E) → tokens (B, L, C). The mask is not read."""
        return Embeddings(self.transformation(tokens_BLE if self.pre_LN is None else self.pre_LN(tokens_BLE)))
