"""Training pairs of the lab's dual encoders: texts of a fixed length and augmented images.

Shape letters: B batch, H × W image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LENGTH = 16
"""Tokens per text."""


def to_unit(images_BCHW: Tensor) -> Tensor:
    """Convert uint8 in 0…255 to float in −1…1, the range of diffusers; the shape stays."""
    return images_BCHW.float() / 127.5 - 1


def augment(x_B3HW: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, rotate, scale, blur, recolour and noise images, (B, 3, H, W); pixels from outside the image are white."""
    count, device = len(x_B3HW), x_B3HW.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return (torch.rand(count, *shape, generator=generator) * (high - low) + low).to(device)

    angle_B, scale_B, shift_B2 = uniform(-0.25, 0.25), uniform(0.85, 1.2), uniform(-0.12, 0.12, 2)
    cos_B, sin_B = angle_B.cos() * scale_B, angle_B.sin() * scale_B
    rotation_B22 = torch.stack([torch.stack([cos_B, -sin_B], 1), torch.stack([sin_B, cos_B], 1)], 1)
    grid = F.affine_grid(
        torch.cat([rotation_B22, shift_B2[:, :, None]], dim=2), list(x_B3HW.shape), align_corners=False
    )
    x_B3HW = 1 - F.grid_sample(1 - x_B3HW, grid, align_corners=False)
    blurred = F.avg_pool2d(F.pad(x_B3HW, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    blend = uniform(-0.7, 1, 1, 1, 1).clamp(min=0)
    x_B3HW = x_B3HW.lerp(blurred, blend)
    x_B3HW = 1 - (1 - x_B3HW) * uniform(0.85, 1.15, 3, 1, 1)
    return x_B3HW + uniform(0, 0.12, 1, 1, 1) * torch.randn(x_B3HW.shape, generator=generator).to(device)
