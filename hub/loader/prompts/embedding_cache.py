"""Embeddings that were made before, kept within a number of bytes; those used longest ago leave first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

import torch

from hub.bases.embeddings import Embeddings
from hub.loader.modules.module_config import PromptRule
from hub.loader.prompts.mixed_window import Row

DEFAULT_BYTES = 64 * 2**20
"""Of one pipeline: some 540 prompts of 77 tokens of width 768 in half precision."""


class Key(NamedTuple):
    """All that decides what a module says of a text; modules and encoders do not change while they are resident."""

    text: str
    module: str
    rule: PromptRule


class EmbeddingCache:
    """Rows by key. Only what modules say is kept: the base's own encoder may be changed by LoRAs and callers' settings."""

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self._limit = limit
        self._rows: OrderedDict[Key, Row] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def find(self, key: Key, device: torch.device) -> Row | None:
        """What was said of the text, on `device`; None when it was never asked or has left."""
        row = self._rows.get(key)
        if row is None:
            return None
        self._rows.move_to_end(key)
        return _on(row, device)

    def keep(self, key: Key, row: Row) -> None:
        """Remember `row`. One larger than the whole cache is not kept."""
        size = _bytes(row)
        if size > self._limit or key in self._rows:
            return
        self._rows[key] = row
        self.size_bytes += size
        while self.size_bytes > self._limit:
            _, gone = self._rows.popitem(last=False)
            self.size_bytes -= _bytes(gone)

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self.size_bytes = 0


def _bytes(row: Row) -> int:
    return sum(each.nbytes for each in (*row.encoded, row.counts_L) if each is not None)


def _on(row: Row, device: torch.device) -> Row:
    if row.counts_L.device == device:
        return row
    moved = {name: each.to(device) for name, each in row.encoded._asdict().items() if each is not None}
    return replace(row, encoded=Embeddings(**moved), counts_L=row.counts_L.to(device))
