"""Align a phrase memory: InfoNCE (van den Oord et al. 2018) from a text's state to the key of its English phrase.

Every phrase of the memory is a negative. Each encoder has its own loss, since each is searched separately.

Shape letters: B batch, N texts, P phrases, E width of all encoders together, W width of one.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.systems.phrase_memory import PhraseMemory
from trainers.inputs.features import FeatureDataset
from trainers.inputs.phrases import Phrases
from trainers.loop.method import Draw, Loss
from trainers.loop.sampler import normal


class PhraseAlignment:
    """A `trainers.loop.method.Method` over the pairs of a text and a phrase."""

    def __init__(
        self, module: PhraseMemory, features: FeatureDataset, *, temperature: float = 0.05, noise: float = 0.1
    ) -> None:
        """Centre the states of all texts once.

        `temperature` divides cosines. `noise` is the norm of the noise added to normalised states: texts that were never seen
        lie around those that were.
        """
        self.module = module
        phrases: Phrases = features.phrases
        self.example_count = len(phrases.texts_N)
        self.example_weights: Tensor | None = torch.tensor(phrases.weights_N, dtype=torch.float64)
        self._phrase_N = torch.tensor(phrases.phrase_N)
        with torch.no_grad():
            self._own = module.centre(features.sentences[1].to(module.keys_PE.device))
        self._temperature = temperature
        self._noise = noise

    def loss(self, draw: Draw) -> Loss:
        """Return the mean cross-entropy over the phrases, summed over the encoders, a scalar."""
        device = self.module.keys_PE.device
        phrase_B = self._phrase_N[draw.indices_B].to(device)
        total, right = torch.zeros((), device=device), torch.zeros((), device=device)
        for own_NW, keys_PW, aligner in zip(self._own, self.module.keys(), self.module.aligners, strict=True):
            own_BW = own_NW[draw.indices_B.to(device)]
            noise_BW = normal(own_BW.shape, draw.generator, device)
            noised_BW = F.normalize(own_BW + self._noise / math.sqrt(own_BW.shape[1]) * noise_BW, dim=-1)
            logits_BP = aligner(noised_BW).float() @ keys_PW.T / self._temperature
            total = total + F.cross_entropy(logits_BP, phrase_B)
            right = right + (logits_BP.detach().argmax(dim=1) == phrase_B).float().mean() / len(self._own)
        return Loss(total, {"right": right})
