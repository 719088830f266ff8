"""Read the size of a base's images from the settings of its denoiser and its autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIDE = 1024
"""Side in pixels if no setting defines it: Qwen-Image, whose pipeline generates 1024 × 1024 by default."""
_BLOCKS = ("block_out_channels", "encoder_block_out_channels", "dim_mult")
"""Settings of autoencoders with one entry for each size of their feature maps."""


def factor_of(autoencoder: Mapping[str, Any]) -> int:
    """Return how many pixels wide a pixel of a latent is. Raises KeyError for an autoencoder of an unknown kind."""
    blocks = next((autoencoder[name] for name in _BLOCKS if autoencoder.get(name)), None)
    if blocks is None:
        raise KeyError(" or ".join(_BLOCKS))
    return int(2 ** (len(blocks) - 1))


def side_of(denoiser: Mapping[str, Any], autoencoder: Mapping[str, Any]) -> int:
    """Return the side of images in pixels: the denoiser's in latents times the factor, or the autoencoder's. Raises KeyError."""
    factor = factor_of(autoencoder)
    if denoiser.get("sample_size"):
        return int(denoiser["sample_size"]) * factor
    return int(autoencoder.get("sample_size") or SIDE)
