"""Load a frozen dual encoder, which maps texts and images to features in one space.

Shape letters: N texts or images, P feature width, H and W of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hub.encoders.tokenizer import Tokenize, read_tokenizer
from hub.errors import DamagedFile, DoesNotFit, MissingExtra, UnknownFile, WeightsDoNotFit

if TYPE_CHECKING:
    from PIL.Image import Image

WINDOW = 77
"""Tokens that OpenAI's CLIP reads."""
CHUNK = 128
"""Batch size: texts or images in one forward pass."""


@dataclass(frozen=True, slots=True)
class DualEncoder:
    """CLIP, or any model of transformers with `get_text_features` and `get_image_features`, frozen."""

    model: Any
    tokenize: Tokenize
    processor: Any
    """Converts images to the size and range that the model was trained on."""

    @classmethod
    def from_folder(
        cls, folder: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None, what: str = ""
    ) -> DualEncoder:
        """Load a transformers folder, with weights as stored unless `dtype` is given. `what` names it in messages.

        Raises DoesNotFit for other models; UnknownFile, DamagedFile and WeightsDoNotFit for broken folders; MissingExtra.
        """
        what = what or folder.name
        try:
            from transformers import AutoConfig, AutoImageProcessor, AutoModel
        except ImportError as error:
            raise MissingExtra("load", "reading a dual encoder") from error
        if not (folder / "config.json").is_file():
            raise UnknownFile(f"{folder.name}/config.json")
        try:
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            if not (hasattr(config, "text_config") and hasattr(config, "vision_config")):
                raise DoesNotFit(
                    f"`{what}` is a {config.model_type}, which reads no images: choose a dual encoder such as `emoji-clip`."
                )
            model, report = AutoModel.from_pretrained(
                folder,
                dtype=dtype or "auto",
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported, and refused below with all problems
            )
            processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
        except (OSError, ValueError, RuntimeError) as error:
            first = str(error).strip().partition("\n")[0]
            raise DamagedFile(
                f"the dual encoder `{what}` cannot be loaded: {first.rstrip('.')}. Fetch it again with `hub pull {what}`."
            ) from error
        if not hasattr(config, "projection_dim"):
            raise DoesNotFit(
                f"`{what}` is a {type(model).__name__} without one projected width: choose a CLIP, Chinese-CLIP or AltCLIP."
            )
        if not hasattr(model, "get_image_features"):
            raise DoesNotFit(f"`{what}` is a {type(model).__name__}, which gives no image features.")
        problems = [f"`{key}` is missing" for key in sorted(report["missing_keys"])]
        problems += [f"`{key[0]}` is {key[1]} and should be {key[2]}" for key in report["mismatched_keys"]]
        if problems:
            raise WeightsDoNotFit(what, problems)
        return cls(model.to(device).eval().requires_grad_(False), read_tokenizer(folder, what=what), processor)

    @property
    def width(self) -> int:
        """Return P."""
        return int(self.model.config.projection_dim)

    @property
    def length(self) -> int:
        """Return the tokens of a text: at most CLIP's window, which all were trained on, although XLM-R has 514 positions."""
        return min(WINDOW, int(self.model.config.text_config.max_position_embeddings))

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        device: torch.device = self.model.device
        return device

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Return features of texts, (N, P) in fp32, not normalised."""
        ids_NL, mask_NL = self.tokenize(list(texts), self.length)
        rows = [
            self.model.get_text_features(ids.to(self.device), attention_mask=mask.to(self.device)).pooler_output
            for ids, mask in zip(ids_NL.split(CHUNK), mask_NL.split(CHUNK), strict=True)
        ]
        return torch.cat(rows).float()

    @torch.no_grad()
    def image_features(self, images: Tensor | Sequence[Image]) -> Tensor:
        """Return features of uint8 images (N, 3, H, W) or PIL images, (N, P) in fp32, not normalised."""
        rows = [self._features_of(images[first : first + CHUNK]) for first in range(0, len(images), CHUNK)]
        return torch.cat(rows).float()

    def _features_of(self, images: Tensor | Sequence[Image]) -> Tensor:
        if isinstance(images, Tensor):
            given = {
                "images": [image.numpy() for image in images.permute(0, 2, 3, 1).cpu()],
                "input_data_format": "channels_last",
            }
        else:
            given = {"images": [image.convert("RGB") for image in images]}
        pixels_N3HW = self.processor(**given, return_tensors="pt").pixel_values
        features: Tensor = self.model.get_image_features(pixels_N3HW.to(self.device, self.model.dtype)).pooler_output
        return features
