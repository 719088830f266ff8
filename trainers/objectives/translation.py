"""The loss of translation into English from a frozen encoder's states, as in mCLIP's first stage (Chen et al., ACL 2023).

Shape letters: B batch, L tokens of the encoder, T tokens of a translation, E encoder width, V vocabulary, K tokens that count.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from trainers.inputs.features import FeatureDataset
from trainers.loop.method import Draw, Loss
from trainers.loop.sampler import global_generators
from trainers.objectives.objective import Objective

LENGTH = 20
"""Tokens of a text and of its translation: 99 % of emoji names are shorter in every language."""
SMOOTHING = 0.1
"""Label smoothing, as in mCLIP's first stage."""


class Translation(Objective[nn.Module]):
    """Cross-entropy of each next English token, given the frozen encoder's states of a text and the previous tokens."""

    def __init__(self, module: nn.Module, features: FeatureDataset, *, smoothing: float = SMOOTHING) -> None:
        super().__init__(module, features)
        self._smoothing = smoothing
        self._english = features.meaning_tokens

    def loss(self, draw: Draw) -> Loss:
        """Return the mean loss over the tokens of the batch, a scalar."""
        rows_B = draw.indices_B
        states_BLE, mask_BL = self._features.encoder_states(rows_B)
        device = states_BLE.device
        with global_generators(draw.generator, device):
            return self._decoder_loss(rows_B, states_BLE, mask_BL)

    def _decoder_loss(self, rows_B: Tensor, states_BLE: Tensor, mask_BL: Tensor) -> Loss:
        module: Any = self.module
        meaning_B = self._features.meaning_N[rows_B]
        ids_BT, counts_BT = (each.to(states_BLE.device) for each in self._english[meaning_B])
        longest = int(counts_BT.sum(dim=1).max())
        ids_BT, counts_BT = ids_BT[:, :longest], counts_BT[:, :longest]
        logits_BTV = module.decoder(
            input_ids=ids_BT[:, :-1],
            attention_mask=counts_BT[:, :-1].long(),
            encoder_hidden_states=align_states(module, states_BLE),
            encoder_attention_mask=mask_BL.long(),
            use_cache=False,
        ).logits
        loss, accuracy = next_token_loss(logits_BTV, ids_BT, counts_BT, self._smoothing)
        return Loss(loss, {"accuracy": accuracy})


def align_states(model: Any, states_BLE: Tensor) -> Tensor:
    """Project encoder states (B, L, E) to the width of the decoder's cross-attention if it differs."""
    if not hasattr(model, "enc_to_dec_proj"):
        return states_BLE
    states: Tensor = model.enc_to_dec_proj(states_BLE)
    return states


def next_token_loss(logits_BTV: Tensor, ids_BT: Tensor, counts_BT: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Return the label-smoothed cross-entropy and the accuracy of tokens 1… T-1, as scalars; padding is ignored.

    Shapes: logits (B, T - 1, V), ids and `counts_BT` (B, T).
    """
    counted = counts_BT[:, 1:]
    logits_KV, ids_K = logits_BTV[counted].float(), ids_BT[:, 1:][counted]
    loss = F.cross_entropy(logits_KV, ids_K, label_smoothing=smoothing)
    return loss, (logits_KV.detach().argmax(dim=1) == ids_K).float().mean()
