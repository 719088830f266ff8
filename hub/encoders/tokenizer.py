"""Text to padded token ids.

A folder's `tokenizer.json` is read by the `tokenizers` library alone, three times faster than through transformers'
wrapper and with the same ids; a folder without one goes through `AutoTokenizer`.

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
from hub.errors import Damaged


class Tokenize(Protocol):
    """Texts to ids (B, L) and mask (B, L), padded and cut to `length`."""

    def __call__(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """Both int64, on the CPU; the mask is 1 where a token counts."""
        ...


def read_tokenizer(folder: Path, *, what: str) -> Tokenize:
    """The tokenizer kept in `folder`, told what the half of a big repository needs; `what` names it in messages."""
    config = _json(folder / "config.json", what) if (folder / "config.json").is_file() else {}
    half = half_of(config)
    folder = place_of(folder)
    if half is not None and half.tokenizer:
        found: Tokenize = TransformersTokenizer(folder, what=what, settings=half.tokenizer)
    elif (folder / "tokenizer.json").is_file():
        found = FileTokenizer(folder, what=what)
    else:
        found = TransformersTokenizer(folder, what=what)
    return found if half is None or half.never_counts is None else LeavingOut(found, half.never_counts)


def place_of(encoder: Path) -> Path:
    """Where the tokenizer of `encoder` is: in its folder, or beside it as diffusers keeps both, `text_encoder` and `tokenizer`."""
    beside = encoder.with_name(beside_name(encoder.name))
    is_alone = not any((encoder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"))
    return beside if is_alone and beside.is_dir() else encoder


def beside_name(encoder: str) -> str:
    """`text_encoder_2` has its tokenizer in `tokenizer_2`; other folders have it within."""
    return encoder.replace("text_encoder", "tokenizer")


class LeavingOut:
    """Another tokenizer, whose mask leaves out one id wherever it stands."""

    def __init__(self, tokenize: Tokenize, never_counts: int) -> None:
        self._tokenize = tokenize
        self._never_counts = never_counts

    def __call__(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """Shapes: (B, L), (B, L), int64, on the CPU."""
        ids_BL, _ = self._tokenize(texts, length)
        return ids_BL, (ids_BL != self._never_counts).long()


class FileTokenizer:
    """A `tokenizer.json`, padded as `tokenizer_config.json` says."""

    def __init__(self, folder: Path, *, what: str) -> None:
        try:
            # The library raises plain Exception for a file it cannot read.
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            raise Damaged(
                f"the tokenizer of `{what}` cannot be read: {error}. Fetch it again with `hub pull {what}`."
            ) from error
        settings = _settings(folder)
        pad = _content(settings.get("pad_token")) or self._named_by(_pad_id(folder))
        self._pad_id = self._tokenizer.token_to_id(pad) if pad else None
        if self._pad_id is None:
            raise Damaged(
                f"the tokenizer of `{what}` names no pad token that is in its vocabulary ({pad!r}). "
                f"Fetch it again with `hub pull {what}`."
            )
        self._pad = pad
        self._side = settings.get("padding_side", "right")
        self._cut = settings.get("truncation_side", "right")
        # The library keeps the length as state of the tokenizer, so two threads must not set it at once.
        self._lock = threading.Lock()

    def _named_by(self, id: int | None) -> str | None:
        return None if id is None else self._tokenizer.id_to_token(id)

    def __call__(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """Shapes: (B, L), (B, L), int64, on the CPU."""
        with self._lock:
            self._tokenizer.enable_truncation(length, direction=self._cut)
            self._tokenizer.enable_padding(
                direction=self._side, pad_id=self._pad_id, pad_token=self._pad, length=length
            )
            rows = self._tokenizer.encode_batch(list(texts))
        return torch.tensor([row.ids for row in rows]), torch.tensor([row.attention_mask for row in rows])


class TransformersTokenizer:
    """Any other tokenizer that transformers knows."""

    def __init__(self, folder: Path, *, what: str, settings: Mapping[str, Any] | None = None) -> None:
        from transformers import AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **(settings or {}))
        except (OSError, ValueError, ImportError) as error:
            raise Damaged(
                f"`{what}` has no tokenizer that can be read: {_first_line(error).rstrip('.')}. "
                f"Fetch it again with `hub pull {what}`."
            ) from error

    def __call__(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """Shapes: (B, L), (B, L), int64, on the CPU."""
        batch = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
        return batch.input_ids, batch.attention_mask


def _settings(folder: Path) -> dict[str, Any]:
    """`tokenizer_config.json`, over the older `special_tokens_map.json`."""
    found: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            found |= json.loads((folder / name).read_text(encoding="utf-8"))
    return found


def _pad_id(folder: Path) -> int | None:
    """What the model's config.json says, where the tokenizer's own settings are silent, as XLM-R's are."""
    if not (folder / "config.json").is_file():
        return None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    found = config.get("pad_token_id", (config.get("text_config") or {}).get("pad_token_id"))
    return found if isinstance(found, int) else None


def _json(path: Path, what: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(
            f"`{what}` is no text encoder: its config.json cannot be read. Fetch it again with `hub pull {what}`."
        ) from error
    return found if isinstance(found, dict) else {}


def _content(token: Any) -> str | None:
    """Older files keep a token as an object."""
    return token.get("content") if isinstance(token, dict) else token


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
