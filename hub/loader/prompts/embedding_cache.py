"""An LRU cache of embeddings, limited in bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

import torch

from hub.loader.modules.module_config import PromptRule
from hub.loader.prompts.mixed_window import EncodedRow
from hub.weights.devices import is_same

DEFAULT_BYTES = 64 * 2**20
"""Limit for one pipeline: about 540 prompts of 77 tokens of width 768 in half precision."""


class Key(NamedTuple):
    """Everything that determines the embeddings of a text by a module. Loaded modules and encoders do not change."""

    text: str
    module: str
    rule: PromptRule


class EmbeddingCache:
    """Rows by key, from modules only: LoRAs and callers' settings may change the base's own encoder."""

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self._limit = limit
        self._rows: OrderedDict[Key, EncodedRow] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def find(self, key: Key, device: torch.device) -> EncodedRow | None:
        """Return the row on `device`, or None if it is not in the cache."""
        row = self._rows.get(key)
        if row is None:
            return None
        self._rows.move_to_end(key)
        return _on(row, device)

    def keep(self, key: Key, row: EncodedRow) -> None:
        """Add `row` and evict older ones. A row larger than the limit is not added."""
        size = _bytes(row)
        if size > self._limit or key in self._rows:
            return
        self._rows[key] = row
        self.size_bytes += size
        while self.size_bytes > self._limit:
            _, evicted = self._rows.popitem(last=False)
            self.size_bytes -= _bytes(evicted)

    def move(self, device: torch.device) -> None:
        """Move all rows to `device`."""
        self._rows = OrderedDict((key, _on(row, device)) for key, row in self._rows.items())

    def clear(self) -> None:
        """Remove everything."""
        self._rows.clear()
        self.size_bytes = 0


def _bytes(row: EncodedRow) -> int:
    return sum(each.nbytes for each in (*row.encoded.tensors(), row.counts_L))


def _on(row: EncodedRow, device: torch.device) -> EncodedRow:
    if is_same(row.counts_L.device, device):
        return row
    return replace(row, encoded=row.encoded.map(lambda each: each.to(device)), counts_L=row.counts_L.to(device))
