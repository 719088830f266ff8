"""Compute the losses of a method on a fixed batch, and plain losses to compare with."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainers.loop.method import Draw, Method
from trainers.loop.sampler import Sampler, generator_of


def some_draw(step: int = 0, count: int = 6) -> Draw:
    return Draw(step, torch.arange(1, 1 + count), generator_of(1, "noise", step, 0))


def golden_losses(method: Method) -> list[float]:
    """Return the losses of the first four updates with plain AdamW."""
    sampler = Sampler(method.example_count, 4, 7, method.example_weights)
    learning = [parameter for parameter in method.module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-2)
    losses = []
    for step in range(4):
        loss = method.loss(Draw(step, sampler.draw(step), generator_of(7, "noise", step, 0))).total
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def plain_contrast(x: Tensor, y: Tensor, scale: float, group: list[int]) -> float:
    """Return the symmetric cross-entropy in float64, computed one row at a time."""
    total = 0.0
    for a, b in ((x.double(), y.double()), (y.double(), x.double())):
        for i in range(len(a)):
            logits = [scale * (a[i] @ each / (a[i].norm() * each.norm())).item() for each in b]
            norm = math.log(sum(math.exp(logit) for logit in logits))
            own = [logit for logit, of in zip(logits, group, strict=True) if of == group[i]]
            total += norm - sum(own) / len(own)
    return total / (2 * len(x))
