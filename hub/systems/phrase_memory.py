"""A memory of English phrases, searched with the states of a frozen multilingual encoder.

Encoders place a word near its translations, once the mean of each language is subtracted. So a text is compared with every phrase
of the memory, and the nearest phrase is what the base's own text encoder reads. A text that the module never saw still lands near
its meaning, whereas a network that maps states to embeddings memorizes its training texts. In the field's terms it is a
retrieval-augmented adapter: keys are encoder states of English phrases, values are the phrases.

Several encoders may be searched together: each compares texts with phrases by itself, and their similarities are added.

Shape letters: B texts, P phrases, G languages, E width of all encoders together, W width of one of them, H hidden width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHARPNESS = 4.0
"""Sharpness of the choice among the languages' means; chosen on the lab's `validation` split."""


class Aligner(nn.Module):
    """z + MLP(z), W → H → W, which starts as the identity, so that training starts from the encoder's own similarities."""

    def __init__(self, width: int, hidden_width: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, hidden_width)
        self.up = nn.Linear(hidden_width, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states_BW: Tensor) -> Tensor:
        """Shape: (B, W) → (B, W), normalised."""
        return F.normalize(states_BW + self.up(F.gelu(self.down(states_BW))), dim=-1)


class PhraseMemory(nn.Module):
    """Similarities of texts to the phrases of a memory, by the states of one or several encoders.

    A text is compared twice with every phrase, as the encoder places it and as the aligner of its encoder does. The first keeps
    words near their neighbours that no training text contains, the second is exact for the texts of the training data and weighs
    `aligned_weight` times as much.
    """

    keys_PE: Tensor
    means_GE: Tensor
    deviations_E: Tensor
    scales_E: Tensor

    def __init__(
        self,
        widths: Sequence[int],
        phrases: int,
        languages: int,
        hidden_width: int = 384,
        aligned_weight: float = 1.0,
    ) -> None:
        """Take the width of each encoder, the number of phrases, and that of languages with a mean, English included."""
        super().__init__()
        if not widths or min(*widths, phrases, languages, hidden_width) < 1:
            raise ValueError("an encoder, a phrase, a language and a hidden width of at least 1 are needed.")
        if not (aligned_weight > 0 and math.isfinite(aligned_weight)):
            raise ValueError("the weight of the aligned similarities must be positive.")
        self.widths = tuple(widths)
        self.aligned_weight = aligned_weight
        total = sum(widths)
        self.register_buffer("keys_PE", torch.zeros(phrases, total))
        self.register_buffer("means_GE", torch.zeros(languages, total))
        self.register_buffer("deviations_E", torch.ones(total))
        self.register_buffer("scales_E", torch.ones(len(widths)))
        self.aligners = nn.ModuleList(Aligner(width, hidden_width) for width in widths)

    def fill(self, phrases_PE: Tensor, english: int, samples: Sequence[Tensor], weights: Sequence[float]) -> None:
        """Set the memory from encoder states: of its phrases (P, E), and of sample texts (N, E) in each language.

        `english` is the language of the phrases, an index of `samples`. `weights` has a factor for the similarities of each encoder.
        """
        self.means_GE.copy_(torch.stack([states_NE.mean(dim=0) for states_NE in samples]))
        deviations = [states_NE - mean_E for states_NE, mean_E in zip(samples, self.means_GE, strict=True)]
        self.deviations_E.copy_(torch.cat(deviations).std(dim=0).clamp_min(1e-6))
        own = [F.normalize(part, dim=-1) for part in self._split(phrases_PE - self.means_GE[english])]
        self.keys_PE.copy_(torch.cat(own, dim=-1))
        texts_NE = torch.cat([states_NE for place, states_NE in enumerate(samples) if place != english] or [*samples])
        similarities = zip(self.centre(texts_NE), self.keys(), strict=True)
        spreads_E = torch.stack([(states @ keys.T).std().clamp_min(1e-6) for states, keys in similarities])
        self.scales_E.copy_(torch.tensor(weights) / spreads_E)

    def forward(self, states_BE: Tensor) -> Tensor:
        """Return the similarity of each text to each phrase, (B, P), from the texts' states (B, E)."""
        rows = zip(self.centre(states_BE), self.keys(), self.aligners, self.scales_E, strict=True)
        found = [
            (own_BW + self.aligned_weight * aligner(own_BW)) @ keys_PW.T * scale
            for own_BW, keys_PW, aligner, scale in rows
        ]
        return torch.stack(found).sum(dim=0)

    def centre(self, states_BE: Tensor) -> list[Tensor]:
        """Subtract the mean of each text's language, (B, E) → normalised (B, W) for each encoder.

        The language is not needed: the means are mixed by their distance, so that texts in languages without a mean, and
        in several languages, get one between those of the nearest.
        """
        apart_BGE = (states_BE[:, None] - self.means_GE) / self.deviations_E
        distances_BG = torch.stack([part.square().mean(dim=-1) for part in self._split(apart_BGE)]).sum(dim=0)
        means_BE = F.softmax(-SHARPNESS * distances_BG, dim=1) @ self.means_GE
        return [F.normalize(part_BW, dim=-1) for part_BW in self._split(states_BE - means_BE)]

    def keys(self) -> list[Tensor]:
        """Return the keys of each encoder, (P, W)."""
        return self._split(self.keys_PE)

    def _split(self, states_E: Tensor) -> list[Tensor]:
        return list(cast(Sequence[Tensor], states_E.split(self.widths, dim=-1)))
