"""Open one or several frozen encoders that give one state per text."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch

from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DamagedFile
from trainers.frozen.find_frozen import FrozenSource

READOUT = "mean"
PROMPTS = "config_sentence_transformers.json"
"""File of sentence-transformers with the prefix of queries, for encoders that were trained with one."""


def open_sentence_encoder(sources: Sequence[FrozenSource], device: torch.device) -> JoinedEncoder:
    """Open the encoders side by side; each reads the mean of its token states, of the text after its own prefix."""
    return JoinedEncoder(
        tuple(
            TextEncoder.from_folder(source.folder, device=device, dtype=torch.float32).with_readout(
                READOUT, prefix=prefix_of(source)
            )
            for source in sources
        )
    )


def prefix_of(source: FrozenSource) -> str:
    """Return the prefix that an encoder was trained with, `query: ` for E5; empty for most. Raises `DamagedFile`."""
    path = source.folder / PROMPTS
    if not path.is_file():
        return ""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        prompts, name = written.get("prompts", {}), written.get("default_prompt_name")
        return str(prompts[name]) if name else ""
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise DamagedFile(f"{PROMPTS} of `{source.short_name}` cannot be read: {error!r}.") from error
