"""Cache the tokens of texts on disk: of a million texts of 77 tokens they are 300 MB.

Shape letters: N texts, B batch, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainers.inputs.feature_cache import FeatureCache, key_of
from trainers.inputs.sharded_rows import Rows, ShardedRows

Tokens = tuple[Tensor, Tensor]
"""Token ids and mask (B, L); False is padding."""
Tokenize = Callable[[list[str]], Tokens]
COUNT = 2048
"""Texts that are tokenised at a time: a tokenizer builds Python numbers, which are much larger than its tensors."""


class TokenRows:
    """Token ids and masks (N, L) on disk. Indexing reads some of them."""

    def __init__(self, rows: ShardedRows) -> None:
        """`rows` holds ids; those of padding are inverted, so that they are negative."""
        self._rows = rows

    @classmethod
    def cached(
        cls,
        folder: Path,
        key: Sequence[Any],
        texts: Sequence[str],
        tokenize: Tokenize,
        first_tokens: Callable[[], Tokens] | None,
        *,
        quiet: bool,
    ) -> TokenRows:
        """Tokenise all texts, if `folder` does not have their tokens; the first one has `first_tokens` if they are given."""

        def compute(first: int, last: int) -> Rows:
            parts = [first_tokens()] if first == 0 and first_tokens is not None else []
            if rest := [*texts[first + len(parts) : last]]:
                parts.append(tokenize(rest))
            return torch.cat([torch.where(mask_BL.bool(), ids_BL, ~ids_BL) for ids_BL, mask_BL in parts]).int().numpy()

        length = len(compute(0, 1)[0])
        cache = FeatureCache(
            folder=folder,
            key=key_of(*key),
            shape=(len(texts), length),
            compute=compute,
            dtype="int32",
            batch_size=COUNT,
            label="tokens",
            quiet=quiet,
        )
        return cls(cache.load())

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows_B: Tensor) -> Tokens:
        """Return ids (B, L), int64, and mask (B, L) of the texts `rows_B` (B,), on the CPU."""
        index_B = rows_B.cpu().numpy()
        found = np.empty((len(index_B), *self._rows.shape[1:]), self._rows.dtype)
        self._rows.take(index_B, found)
        stored_BL = torch.from_numpy(found).long()
        mask_BL = stored_BL >= 0
        return torch.where(mask_BL, stored_BL, ~stored_BL), mask_BL
