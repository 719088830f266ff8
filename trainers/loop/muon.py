"""Muon in float32, for devices without bf16: torch's own always orthogonalises in bf16.

Shape letters: R rows, C columns of a weight, with R ≤ C during orthogonalisation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim import Muon


class Float32Muon(Muon):
    """`torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, its Newton-Schulz iteration in float32."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update as torch does: momentum, orthogonalise, decay, add (Jordan et al. 2024; Liu et al. 2025, §2.2)."""
        assert closure is None, "the loop computes its loss itself"
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(weight.grad)
                buffer = state["momentum_buffer"].lerp_(weight.grad, 1 - momentum)
                update = weight.grad.lerp(buffer, momentum) if group["nesterov"] else buffer
                direction = orthogonalise(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
                weight.mul_(1 - rate * group["weight_decay"])
                weight.add_(direction, alpha=-rate * 0.2 * math.sqrt(max(weight.shape)))


def orthogonalise(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Approximate UVᵀ of the singular value decomposition of a matrix (R, C) by `steps` quintic Newton-Schulz iterations."""
    a, b, c = coefficients
    is_tall = matrix.shape[0] > matrix.shape[1]
    x_RC = matrix.float().mT if is_tall else matrix.float()
    x_RC = x_RC / x_RC.norm().clamp(min=eps)
    for _ in range(steps):
        gram_RR = x_RC @ x_RC.mT
        gram_RR = torch.addmm(gram_RR, gram_RR, gram_RR, beta=b, alpha=c)
        x_RC = torch.addmm(x_RC, gram_RR, x_RC, beta=a)
    return x_RC.mT if is_tall else x_RC
