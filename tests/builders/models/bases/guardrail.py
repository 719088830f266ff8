"""A safety checker for small Cosmos bases, whose own is a separate package with large models."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config


class Harmless(ModelMixin, ConfigMixin):
    """A checker that finds everything harmless."""

    @register_to_config
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.zeros(1), persistent=False)  # a component has a device

    @property
    def device(self) -> torch.device:
        return self.place.device

    @property
    def dtype(self) -> torch.dtype:
        return self.place.dtype

    def check_text_safety(self, _: str) -> bool:
        return True

    def check_video_safety(self, video: Any) -> Any:
        return video
