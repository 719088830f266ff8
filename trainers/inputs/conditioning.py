"""What the denoiser reads of some texts through the module, under the rules of prompts that are also kept at load.

Shape letters: B batch, L tokens, E encoder width, C conditioning width, P pooled width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hub.embeddings import Embeddings
from hub.errors import DoesNotFit
from trainers.inputs.features import FeatureDataset


def apply_module(module: nn.Module, features: FeatureDataset, rows_B: Tensor) -> Embeddings:
    """module(encoder(text)) of the rows; what is zero or the base's own at load is so here.

    Raises DoesNotFit when empty prompts are to be the base's own and the module gives another number of tokens.
    """
    states_BLE, mask_BL = features.texts(rows_B)
    found = Embeddings(*module(states_BLE, mask_BL))
    rules = features.prompt_rules
    empty_B = (rows_B == 0).to(found.tokens_BLC.device)
    tokens_BLC, pooled_BP = found.tokens_BLC, found.pooled_BP
    if rules.empty == "zeros":
        tokens_BLC = tokens_BLC.masked_fill(empty_B[:, None, None], 0)
    elif rules.empty == "base":
        own = features.reading(rows_B)
        if own.tokens_BLC.shape != tokens_BLC.shape:
            raise DoesNotFit(
                f"`prompt.empty: base` mixes {own.tokens_BLC.shape[1]} tokens of the base with {tokens_BLC.shape[1]} of the "
                "module: a batch holds one number of them."
            )
        tokens_BLC = torch.where(empty_B[:, None, None], own.tokens_BLC, tokens_BLC)
    if pooled_BP is not None:
        zero_B = torch.where(empty_B, rules.negative.pooled == "zeros", rules.positive.pooled == "zeros")
        pooled_BP = pooled_BP.masked_fill(zero_B[:, None], 0)
    return Embeddings(tokens_BLC, pooled_BP, found.mask_BL)
