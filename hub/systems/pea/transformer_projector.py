"""The second of PEA-Diffusion's adapters for Stable Diffusion 3: a transformer over token states, then two linear heads.

Published as `pytorch_model_t5.bin` of `OPPOer/MultilingualSD3-adapter`, for umt5-xxl. Its 193,021,952 weights are two layers
of width 4096 with 2048 hidden channels and two linear layers, as in `Transformer_proj` of the same authors' X2I. Shapes do not
show the number of attention heads.

Shape letters: B batch, L tokens, E encoder width, C conditioning width, P pooled width.
"""

from __future__ import annotations

from torch import Tensor, nn

from hub.embeddings import Embeddings


class TransformerProjector(nn.Module):
    """x = post-norm layers(x); the wider head gives the tokens, the mean of the narrower one is the pooled vector.

    `widths` are those of `linear1` and `linear2`. With `prototype` the file also holds `encoder_layer`, the layer from which
    torch copies its stack: it is kept, but not used.
    """

    def __init__(
        self,
        in_width: int,
        widths: tuple[int, int] | list[int],
        hidden_width: int = 2048,
        layers: int = 2,
        heads: int = 8,
        prototype: bool = False,
    ) -> None:
        super().__init__()
        if in_width % heads:
            raise ValueError(f"`in_width` {in_width} cannot be split among {heads} heads.")
        first, second = widths
        if first == second:
            raise ValueError(
                f"both heads have width {first}, but the wider one gives tokens and the narrower one the pooled vector."
            )
        layer = nn.TransformerEncoderLayer(in_width, heads, hidden_width, dropout=0.0, batch_first=True)
        self.encoder_layer = layer if prototype else None
        self.transformer_encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.linear1 = nn.Linear(in_width, first)
        self.linear2 = nn.Linear(in_width, second)

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:  # noqa: ARG002 - the signature of all modules
        """Shape: (B, L, E) → tokens (B, L, C), pooled (B, P). The mask is not read: padding is attended to and averaged."""
        x_BLE = self.transformer_encoder(tokens_BLE)
        narrow, wide = sorted((self.linear1, self.linear2), key=lambda each: each.out_features)
        return Embeddings(wide(x_BLE), narrow(x_BLE).mean(dim=1))
