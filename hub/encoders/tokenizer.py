"""Tokenize texts to padded ids.

`tokenizer.json` is loaded by the `tokenizers` library directly, three times faster than through transformers' wrapper and
with the same ids; a folder without one is loaded by `AutoTokenizer`.

Shape letters: B batch, L tokens.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from tokenizers import Tokenizer
from torch import Tensor

from hub.encoders.text_half.text_half import half_of
from hub.errors import DamagedFile


class Tokenize(Protocol):
    """A function from texts to ids (B, L) and mask (B, L), padded and truncated to `length`."""

    def __call__(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """Return ids (B, L) and mask (B, L) as int64 on the CPU; the mask is 1 where a token counts."""
        ...


def read_tokenizer(folder: Path, *, what: str) -> Tokenize:
    """Load the tokenizer of the encoder in `folder`, with the settings of its text half. `what` names it in messages.

    Raises DamagedFile.
    """
    config = _json(folder / "config.json", what) if (folder / "config.json").is_file() else {}
    half = half_of(config)
    folder = tokenizer_folder(folder)
    if half is not None and half.tokenizer:
        found: Tokenize = TransformersTokenizer(folder, what=what, settings=half.tokenizer)
    elif (folder / "tokenizer.json").is_file():
        found = FileTokenizer(folder, what=what)
    else:
        found = TransformersTokenizer(folder, what=what)
    return found if half is None or half.never_counts is None else MaskingTokenizer(found, half.never_counts)


def tokenizer_folder(encoder: Path) -> Path:
    """Return the tokenizer's folder: the encoder's own or, as in diffusers, `tokenizer` beside `text_encoder`."""
    beside = encoder.with_name(tokenizer_name(encoder.name))
    is_alone = not any((encoder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"))
    return beside if is_alone and beside.is_dir() else encoder


def tokenizer_name(encoder: str) -> str:
    """Return `tokenizer_2` for `text_encoder_2`; other names unchanged."""
    return encoder.replace("text_encoder", "tokenizer")


class MaskingTokenizer:
    """A tokenizer that masks one id of another tokenizer wherever it occurs."""

    def __init__(self, tokenize: Tokenize, never_counts: int) -> None:
        self._tokenize = tokenize
        self._never_counts = never_counts

    def __call__(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """Shapes: (B, L), (B, L), int64, on the CPU."""
        ids_BL, _ = self._tokenize(texts, length)
        return ids_BL, (ids_BL != self._never_counts).long()


class FileTokenizer:
    """A `tokenizer.json`, padded according to `tokenizer_config.json`."""

    def __init__(self, folder: Path, *, what: str) -> None:
        """Read the files in `folder`. Raises DamagedFile."""
        try:
            # The library raises plain Exception for a file it cannot read.
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            raise DamagedFile(
                f"the tokenizer of `{what}` cannot be read: {error}. Fetch it again with `hub pull {what}`."
            ) from error
        settings = _settings(folder)
        pad = settings.get("pad_token")
        if isinstance(pad, dict):  # older files keep a token as an object
            pad = pad.get("content")
        if not pad and (pad_id := _pad_id(folder)) is not None:
            pad = self._tokenizer.id_to_token(pad_id)
        self._pad_id = self._tokenizer.token_to_id(pad) if pad else None
        if self._pad_id is None:
            raise DamagedFile(
                f"the tokenizer of `{what}` has no pad token in its vocabulary ({pad!r}). "
                f"Fetch it again with `hub pull {what}`."
            )
        self._pad = pad
        self._padding_side = settings.get("padding_side", "right")
        self._truncation_side = settings.get("truncation_side", "right")
        # The length is state of the library's tokenizer, so threads must not set it at once.
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """Shapes: (B, L), (B, L), int64, on the CPU."""
        with self._lock:
            self._tokenizer.enable_truncation(length, direction=self._truncation_side)
            self._tokenizer.enable_padding(
                direction=self._padding_side, pad_id=self._pad_id, pad_token=self._pad, length=length
            )
            rows = self._tokenizer.encode_batch(list(texts))
        return torch.tensor([row.ids for row in rows]), torch.tensor([row.attention_mask for row in rows])


class TransformersTokenizer:
    """Any other tokenizer of transformers."""

    def __init__(self, folder: Path, *, what: str, settings: Mapping[str, Any] | None = None) -> None:
        """Load the tokenizer in `folder` with further `settings`. Raises DamagedFile."""
        from transformers import AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **(settings or {}))
        except (OSError, ValueError, ImportError) as error:
            first = str(error).strip().partition("\n")[0]
            raise DamagedFile(
                f"the tokenizer of `{what}` cannot be loaded: {first.rstrip('.')}. Fetch it again with `hub pull {what}`."
            ) from error

    def __call__(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """Shapes: (B, L), (B, L), int64, on the CPU."""
        batch = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
        return batch.input_ids, batch.attention_mask


def _settings(folder: Path) -> dict[str, Any]:
    """Read `tokenizer_config.json`, which overrides the older `special_tokens_map.json`."""
    found: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            found |= json.loads((folder / name).read_text(encoding="utf-8"))
    return found


def _pad_id(folder: Path) -> int | None:
    """Return the pad id in the model's config.json, for tokenizer settings without one such as XLM-R's."""
    if not (folder / "config.json").is_file():
        return None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    found = config.get("pad_token_id", (config.get("text_config") or {}).get("pad_token_id"))
    return found if isinstance(found, int) else None


def _json(path: Path, what: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedFile(
            f"`{what}` is not a text encoder: its config.json cannot be read. Fetch it again with `hub pull {what}`."
        ) from error
    return found if isinstance(found, dict) else {}
