"""The kinds of frozen base a plan can train for: how each is found by name, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hub.bases.frozen import FrozenBase
from hub.encoders.dual_encoder import DualEncoder
from hub.local import LocalHub
from trainers.frozen.find_frozen import FrozenSource, find_base, find_dual_encoder


@dataclass(frozen=True, slots=True)
class Foundation:
    """A kind of base, as accepted by `hub train --base`."""

    label: str
    """Its name in cards and messages."""
    find: Callable[[str, LocalHub], FrozenSource]
    open: Callable[..., Any]
    """Takes folder and device, and of a pipeline `dtypes` by component; returns `FeatureDataset.base`."""
    example: str
    """Python code that uses the trained module, with `{base}` and `{name}` to fill in."""


def open_dual_encoder(folder: Path, device: torch.device) -> DualEncoder:
    """Open a CLIP-like model, frozen, in fp32."""
    return DualEncoder.from_folder(folder, device=device, dtype=torch.float32)


def without_weights(folder: Path) -> torch.nn.Module:
    """Return the model in `folder` with its layers and no weights, for checks of their sizes."""
    from transformers import AutoConfig, AutoModel

    with torch.device("meta"):
        model: torch.nn.Module = AutoModel.from_config(AutoConfig.from_pretrained(folder, trust_remote_code=False))
    return model


PIPELINE = Foundation(
    "base",
    find_base,
    FrozenBase.open,
    'from hub import load_pipeline\npipe = load_pipeline("{base}", adapter="{name}")',
)
"""A text-to-image pipeline."""
DUAL_ENCODER = Foundation(
    "dual encoder",
    find_dual_encoder,
    open_dual_encoder,
    'from hub import load_retriever\nretriever = load_retriever("{base}", adapter="{name}")',
)
"""A model that embeds texts and images in one space, for retrieval."""
