"""Let `predict` compute in the type in which a denoiser is stored.

Shape letters: B batch, L tokens, C conditioning width, P pooled width, K H W a latent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def in_type_of_weights(predict: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Let `predict` compute in the type of a denoiser that is stored in 16 bits, without autocast, and return its answer in fp32.

    Autocast would compute norms and activations in fp32 and convert around them, which takes more time and memory.
    """

    @wraps(predict)
    def convert(
        base: Any,
        noisy_BKHW: Tensor,
        steps_B: Tensor,
        states_BLC: Tensor,
        pooled_BP: Tensor | None = None,
        mask_BL: Tensor | None = None,
        sizes_B6: Tensor | None = None,
    ) -> Tensor:
        import torch

        dtype = base.denoiser.dtype
        if dtype is torch.float32:
            return predict(base, noisy_BKHW, steps_B, states_BLC, pooled_BP, mask_BL, sizes_B6)
        pooled_BP = None if pooled_BP is None else pooled_BP.to(dtype)
        with torch.autocast(base.device.type, enabled=False):
            noisy_BKHW, states_BLC = noisy_BKHW.to(dtype), states_BLC.to(dtype)
            return predict(base, noisy_BKHW, steps_B, states_BLC, pooled_BP, mask_BL, sizes_B6).float()

    return convert
