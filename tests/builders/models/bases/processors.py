"""A processor of texts and images. Those of transformers for Qwen need torchvision, for videos that no test has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast, Qwen2Tokenizer, Qwen2VLImageProcessorPil

from tests.builders.models.bases.parts import qwen_tokenizer

IMAGE = "<|image_pad|>"
LOADED_AS = PreTrainedTokenizerFast
"""diffusers looks for a base class that it knows in the module of a component."""


class QwenProcessor(Qwen2Tokenizer):
    """A tokenizer that takes images as well and repeats `IMAGE` for each merged patch. It is saved as a tokenizer."""

    @property
    def tokenizer(self) -> QwenProcessor:
        """Return itself, as the tokenizer of the processor."""
        return self

    @property
    def image_token_id(self) -> int:
        """Return the id of `IMAGE`."""
        return int(self.convert_tokens_to_ids(IMAGE))

    def apply_chat_template(self, conversation: Any, *, tokenize: bool = True, **settings: Any) -> Any:
        """Return the text of a conversation, or its ids in a list of one, as processors do."""
        found = super().apply_chat_template(conversation, tokenize=tokenize, **settings)
        return [found] if tokenize else found

    def __call__(
        self, text: str | list[str], images: Any = None, videos: Any = None, padding: Any = False, **settings: Any
    ) -> Any:
        """Return token ids and, for images, pixels and grids."""
        assert videos is None
        settings = {name: value for name, value in settings.items() if value is not None}
        if images is None:
            return super().__call__(text, padding=padding, **settings)
        images = images if isinstance(images, Sequence) else [images]
        seen = Qwen2VLImageProcessorPil(patch_size=16, min_pixels=32 * 32, max_pixels=64 * 64)(
            images, return_tensors="pt"
        )
        counts = iter((seen["image_grid_thw"].prod(-1) // 4).tolist())
        texts = [
            "".join(part if part != IMAGE else IMAGE * next(counts) for part in _split(each))
            for each in ([text] if isinstance(text, str) else text)
        ]
        found = super().__call__(texts, padding=padding, **settings)
        ids = torch.as_tensor(found["input_ids"])
        found.update(seen, mm_token_type_ids=(ids == self.image_token_id).long())
        return found


def _split(text: str) -> list[str]:
    parts = [piece for part in text.split(IMAGE) for piece in (part, IMAGE)]
    return parts[:-1]


def qwen_processor() -> QwenProcessor:
    """Return a processor with the vocabulary of `qwen_tokenizer`."""
    like = qwen_tokenizer()
    made = QwenProcessor(vocab=like.get_vocab(), merges=[])
    made.add_special_tokens({"additional_special_tokens": [each for each in like.get_vocab() if each.startswith("<|")]})
    made.chat_template = like.chat_template
    return made
