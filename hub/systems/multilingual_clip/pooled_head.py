"""M-CLIP's head: the masked mean of a text encoder's states, then one linear map into CLIP's space.

Layers and key names are those of `MultilingualCLIP` (Carlsson et al., LREC 2022; `FreddeFrallan/Multilingual-CLIP`) and of
`MultilingualCLIP` in diffusers' Kandinsky 2.1, which also reads the states.

Shape letters: B batch, L tokens, E encoder width, P width of CLIP's features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.embeddings import Embeddings


class PooledTransformation(nn.Module):
    """W·mean(x) + b, with the mean over tokens that count."""

    def __init__(self, in_width: int, feature_width: int) -> None:
        super().__init__()
        self.LinearTransformation = nn.Linear(in_width, feature_width)

    def features(self, features_BP: Tensor) -> Tensor:
        """Return the dual encoder's image features unchanged, because texts are mapped to them: (B, P) → (B, P)."""
        return features_BP

    def texts(self, tokens_BLE: Tensor, mask_BL: Tensor) -> Tensor:
        """Project texts to CLIP's space: (B, L, E), (B, L) true where a token counts → (B, P)."""
        weight_BL1 = mask_BL[:, :, None].to(tokens_BLE.dtype)
        mean_BE = (tokens_BLE * weight_BL1).sum(1) / weight_BL1.sum(1)
        projected_BP: Tensor = self.LinearTransformation(mean_BE)
        return projected_BP

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Shapes: (B, L, E), (B, L) → one unit vector per text, (B, 1, P), for retrieval."""
        if mask_BL is None:
            mask_BL = torch.ones(tokens_BLE.shape[:2], dtype=torch.bool, device=tokens_BLE.device)
        return Embeddings(F.normalize(self.texts(tokens_BLE, mask_BL).float(), dim=1)[:, None])
