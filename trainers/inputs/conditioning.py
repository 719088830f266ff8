"""Compute a denoiser's conditioning through the module, with the same prompt rules as at load.

Shape letters: B batch, L tokens, E encoder width, C conditioning width, P pooled width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hub.embeddings import Embeddings
from hub.errors import DoesNotFit
from trainers.inputs.features import FeatureDataset


def apply_module(module: nn.Module, features: FeatureDataset, rows_B: Tensor) -> Embeddings:
    """Return module(encoder(text)) of the texts `rows_B` (B,): embeddings (B, L, C), pooled (B, P) and mask (B, L).

    Empty prompts and pooled embeddings become zero or the base's own, depending on the prompt rules. Raises `DoesNotFit` if
    empty prompts must be the base's own but the module outputs another number of tokens.
    """
    states_BLE, mask_BL = features.encoder_states(rows_B)
    found = Embeddings(*module(states_BLE, mask_BL))
    rules = features.prompt_rules
    empty_B = (rows_B == 0).to(found.tokens_BLC.device, non_blocking=True)
    tokens_BLC, pooled_BP = found.tokens_BLC, found.pooled_BP
    if rules.empty == "zeros":
        tokens_BLC = tokens_BLC.masked_fill(empty_B[:, None, None], 0)
    elif rules.empty == "base":
        own = features.teacher_embeddings(rows_B)
        if own.tokens_BLC.shape != tokens_BLC.shape:
            raise DoesNotFit(
                f"`prompt.empty: base` needs as many tokens from the module as from the base, but the module outputs "
                f"{tokens_BLC.shape[1]} and the base {own.tokens_BLC.shape[1]}."
            )
        tokens_BLC = torch.where(empty_B[:, None, None], own.tokens_BLC, tokens_BLC)
    if pooled_BP is not None:
        zero_B = torch.where(empty_B, rules.negative.pooled == "zeros", rules.positive.pooled == "zeros")
        pooled_BP = pooled_BP.masked_fill(zero_B[:, None], 0)
    return Embeddings(tokens_BLC, pooled_BP, found.mask_BL)
